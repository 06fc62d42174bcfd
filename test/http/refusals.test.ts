import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AuditRecord, Receipt } from "../../src/audit/journal.ts";
import { LockkeeperError } from "../../src/errors.ts";
import { Refusals } from "../../src/http/refusals.ts";
import { TestClock } from "../fixture/clock.ts";
import { openToRead } from "../fixture/database.ts";
import { type Gateway, startGateway } from "../fixture/gateway.ts";

const body = {
  credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
  status: "Inactive",
};

/** What the log holds of refused requests. */
function kept(records: readonly { readonly body: string }[]) {
  return records
    .map(({ body: text }) => JSON.parse(text))
    .filter(({ metadata }) =>
      ["lockkeeper.authentication.failed", "lockkeeper.rate-limited"].includes(metadata.event_code),
    )
    .map(({ metadata, count, start_time, end_time, src_endpoint, actor }) => ({
      code: metadata.event_code,
      count,
      ms: end_time - start_time,
      source: src_endpoint.ip ?? src_endpoint.name,
      who: actor.user?.uid,
    }));
}

describe("refusals that policy never sees", () => {
  let gateway: Gateway;
  beforeEach(async () => {
    gateway = await startGateway({
      perMinute: { changes: 1, failedAuthentications: 2 },
      trustedProxies: ["127.0.0.1"],
    });
  });
  afterEach(() => gateway.close());

  function records() {
    const db = openToRead(gateway.database);
    const rows = db.prepare("SELECT body FROM records ORDER BY idx").all();
    db.close();
    return kept(rows.map((row) => ({ body: String(row["body"]) })));
  }
  const failFrom = (ip: string) =>
    gateway.request("GET", "/v1/users/Bob/credentials", { as: null, headers: { "x-forwarded-for": ip } });

  // The clock goes on by 250 ms with each 429, which is held back so long.
  it("are one record for a source, also of those that were told to wait", async () => {
    for (let i = 0; i < 4; i += 1) {
      expect((await failFrom("192.0.2.1")).status).toBe(i < 2 ? 401 : 429);
      gateway.clock.advance(1_000);
    }
    await failFrom("2001:db8::1");
    await failFrom("2001:db8::2");
    expect(records()).toEqual([]);
    await gateway.refusals.record();
    const code = "lockkeeper.authentication.failed";
    expect(records()).toEqual([
      { code, count: 4, ms: 3_250, source: "192.0.2.1", who: undefined },
      { code, count: 2, ms: 0, source: "2001:db8::1", who: undefined },
    ]);
    await gateway.refusals.record();
    expect(records()).toHaveLength(2);
  });

  it("are one record for a principal and quota, of what was over it", async () => {
    for (let i = 0; i < 4; i += 1) await gateway.request("POST", "/v1/status-changes", { body, as: "viewer" });
    await gateway.request("POST", "/v1/status-changes", { body, as: "bob" });
    await gateway.refusals.record();
    expect(records()).toEqual([
      { code: "lockkeeper.rate-limited", count: 3, ms: 500, source: "127.0.0.1", who: "viewer" },
    ]);
  });
});

describe("the counts of refusals", () => {
  const noted: AuditRecord[] = [];
  const faults: unknown[] = [];
  let fails = false;
  const clock = new TestClock();
  const note = async (record: AuditRecord): Promise<Receipt> => {
    if (fails) throw new LockkeeperError("audit-unavailable", "The disk is full.");
    noted.push(record);
    return { index: noted.length, leafHash: "" };
  };
  let refusals: Refusals;
  beforeEach(() => {
    refusals = new Refusals({ journal: { note }, clock, onFault: (error) => faults.push(error) });
    noted.length = 0;
    faults.length = 0;
    fails = false;
  });

  it("stay bounded, and complete, when everybody fails from ever new addresses", async () => {
    for (let i = 0; i < 10_000; i += 1) refusals.failedAuthentication(`10.0.${i >> 8}.${i & 255}`);
    refusals.failedAuthentication("10.0.0.0");
    await refusals.record();
    const seen = kept(noted);
    expect(seen).toHaveLength(257);
    expect(seen[0]).toMatchObject({ source: "10.0.0.0", count: 2 });
    expect(seen.find(({ source }) => source === "other sources")).toMatchObject({ count: 10_000 - 256 });
  });

  it("wait for a log that takes no records, and lose nothing", async () => {
    fails = true;
    refusals.failedAuthentication("192.0.2.1");
    refusals.failedAuthentication("192.0.2.2");
    await refusals.record();
    expect([noted.length, faults.length]).toEqual([0, 1]);
    clock.advance(60_000);
    refusals.failedAuthentication("192.0.2.1");
    fails = false;
    await refusals.record();
    expect(kept(noted)).toMatchObject([
      { source: "192.0.2.1", count: 2, ms: 60_000 },
      { source: "192.0.2.2", count: 1, ms: 0 },
    ]);
  });

  it("are recorded each minute, and once more at the end", async () => {
    let wake: () => void = () => {};
    const slept: number[] = [];
    const slow = {
      now: () => clock.now(),
      sleep: (ms: number, signal?: AbortSignal) =>
        new Promise<void>((resolve, reject) => {
          slept.push(ms);
          wake = resolve;
          signal?.addEventListener("abort", () => reject(signal.reason));
        }),
    };
    refusals = new Refusals({ journal: { note }, clock: slow, onFault: (error) => faults.push(error) });
    refusals.start();
    refusals.failedAuthentication("192.0.2.1");
    wake();
    while (slept.length < 2) await new Promise(setImmediate);
    expect(noted).toHaveLength(1);
    refusals.failedAuthentication("192.0.2.1");
    await refusals.stop();
    expect(noted).toHaveLength(2);
    expect(slept).toEqual([60_000, 60_000]);
    expect(faults).toEqual([]);
  });
});
