import { beforeEach, describe, expect, it } from "vitest";
import type { Journal, RecordFilter } from "../../src/audit/journal.ts";
import { reconciledRecord } from "../../src/audit/record.ts";
import { serviceRecord } from "../../src/audit/service-record.ts";
import { aChange, aDenial, anIntent } from "../fixture/changes.ts";
import { testKey, testLogKeys } from "../fixture/log-keys.ts";
import { applied, ended, failed, now } from "./journal-samples.ts";
import type { JournalFixture } from "./journal-suite.ts";

/** Reading the log as it is, with filters. */
export function recordsSuite(given: () => JournalFixture): void {
  let fixture: JournalFixture;
  let journal: Journal;
  beforeEach(() => {
    fixture = given();
    journal = fixture.journal;
  });

  const log = { origin: testLogKeys.origin, verifierKey: testKey.verifier };
  const service = { instance: "i-1", configDigest: "d", revision: "r", account: "123456789012", log };
  const indexes = async (filter: Partial<RecordFilter>) => {
    const page = await journal.records({ from: 0, limit: 1000, ...filter });
    return [page.records.map(({ index }) => index), page.next];
  };

  describe("reading records", () => {
    it("gives them in order, page after page, as they are stored", async () => {
      expect(await journal.records({ from: 0, limit: 10 })).toEqual({ records: [] });
      await Promise.all(Array.from({ length: 10 }, () => journal.deny(aDenial(aChange()))));
      const stored = await fixture.records();
      expect(await journal.records({ from: 0, limit: 4 })).toEqual({ records: stored.slice(0, 4), next: 4 });
      expect(await journal.records({ from: 4, limit: 6 })).toEqual({ records: stored.slice(4) });
      expect(await journal.records({ from: 10, limit: 6 })).toEqual({ records: [] });
      expect(await journal.records({ from: 1_000_000, limit: 6 })).toEqual({ records: [] });
    });

    it("finds them by code, correlation and time, and by all of these", async () => {
      const change = aChange();
      await journal.note(serviceRecord("started", service, now));
      await journal.begin(anIntent(change, now + 10));
      await journal.deny(aDenial(aChange({ context: { ...change.context, receivedAt: now + 20 } })));
      await journal.finish(change.id, ended(change, applied, now + 30));
      await journal.note(serviceRecord("stopped", service, now + 40));
      const filters: [Partial<RecordFilter>, number[]][] = [
        [{ code: "lockkeeper.service.started" }, [0]],
        [{ code: "credential.status.outcome" }, [3]],
        [{ code: "no.such.code" }, []],
        [{ correlation: change.id }, [1, 3]],
        [{ correlation: service.instance }, [0, 4]],
        [{ correlation: change.id, code: "credential.status.outcome" }, [3]],
        [{ correlation: change.id, from: 2 }, [3]],
        [{ since: now + 20 }, [2, 3, 4]],
        [{ until: now + 20 }, [0, 1]],
        [{ since: now + 10, until: now + 31, correlation: change.id }, [1, 3]],
        [{ since: now + 41 }, []],
      ];
      for (const [filter, found] of filters) {
        expect(await indexes(filter), JSON.stringify(filter)).toEqual([found, undefined]);
      }
      expect(await indexes({ correlation: change.id, limit: 1 })).toEqual([[1], 3]);
    });

    it("finds every record of a change, also a reconciliation that was taken back", async () => {
      const older = aChange({ status: "Active" });
      await journal.begin(anIntent(older, now));
      const off = aChange({ status: "Inactive" });
      const later = now + 6000;
      const superseded = { result: "superseded", observed: null, supersededBy: off.id } as const;
      const supersedes = { id: older.id, record: reconciledRecord(older, superseded, later) };
      await journal.begin(anIntent(off, later, { supersedes }));
      await journal.finish(off.id, ended(off, failed, later));
      expect(await indexes({ correlation: older.id })).toEqual([[0, 1], undefined]);
      expect(await indexes({ correlation: off.id })).toEqual([[2, 3], undefined]);
    });

    it("gives pruned records without their bodies", async () => {
      await journal.deny(aDenial(aChange()));
      await journal.deny(aDenial(aChange()));
      const [first, second] = await fixture.records();
      await fixture.tamper.body(0, null);
      expect(await journal.records({ from: 0, limit: 10 })).toEqual({ records: [{ ...first, body: null }, second] });
    });
  });
}
