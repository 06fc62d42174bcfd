import { beforeEach, describe, expect, it } from "vitest";
import type { Intent, Journal } from "../../src/audit/journal.ts";
import { reconciledRecord } from "../../src/audit/record.ts";
import type { Change } from "../../src/changes/change.ts";
import type { Outcome } from "../../src/changes/outcome.ts";
import { aDenial, anIntent, oncall } from "../fixture/changes.ts";
import { applied, ended, failed, keyChange, now, unknown } from "./journal-samples.ts";
import type { JournalFixture } from "./journal-suite.ts";

const minute = 60_000;
const notSent: Outcome = { name: "failed", how: "not-sent", code: "ECONNREFUSED", message: "not there" };

/** A signed request starts one change, whoever sends it again, wherever and whenever. */
export function signaturesSuite(given: () => JournalFixture): void {
  let fixture: JournalFixture;
  let journal: Journal;
  beforeEach(() => {
    fixture = given();
    journal = fixture.journal;
  });

  const digest = (digit: string) => digit.repeat(64);
  const signature = (digit = "a") => ({ digest: digest(digit), expiresAt: now + 15 * minute });
  const KEY = "AKIASIGNED0000000001";
  const signed = (change = keyChange(KEY), parts: Partial<Intent> = {}, at = now) =>
    anIntent(change, at, { signature: signature(), ...parts });
  /** Begins a change and ends it. */
  const done = async (change: Change, outcome: Outcome = applied, parts: Partial<Intent> = {}) => {
    expect(await journal.begin(anIntent(change, now, parts))).toMatchObject({ kind: "started" });
    await journal.finish(change.id, ended(change, outcome));
    return change;
  };
  const seen = (change: Change, later = false) => ({ kind: "seen", id: change.id, later });

  describe("signatures", () => {
    it("lead back to their change while it is under way and when it has ended, and leave no record", async () => {
      const change = keyChange(KEY);
      expect(await journal.begin(signed(change))).toMatchObject({ kind: "started" });
      expect(await journal.begin(signed())).toEqual(seen(change));
      await journal.finish(change.id, ended(change, applied));
      expect(await journal.begin(signed())).toEqual(seen(change));
      expect(await fixture.records()).toHaveLength(2);
    });

    it("are told apart, so that another request of the same credential waits for the first", async () => {
      const change = keyChange(KEY);
      await journal.begin(signed(change));
      const other = signed(keyChange(KEY), { signature: signature("b") });
      expect(await journal.begin(other)).toMatchObject({ kind: "in-flight", id: change.id });
    });

    it("belong to the request, whoever sends it and whatever it is taken to ask for", async () => {
      const change = await done(keyChange(KEY), applied, { signature: signature() });
      const admin = keyChange("AKIAANOTHER000000001", "alice", { principal: { ...oncall, id: "admin" } });
      expect(await journal.begin(signed(admin))).toEqual(seen(change));
    });

    it("are not bound by a change that could not begin", async () => {
      const first = await journal.begin(anIntent(keyChange(KEY), now));
      expect(first).toMatchObject({ kind: "started" });
      expect(await journal.begin(signed())).toMatchObject({ kind: "in-flight" });
      const elsewhere = keyChange("AKIAANOTHER000000001");
      expect(await journal.begin(signed(elsewhere))).toMatchObject({ kind: "started" });
    });

    it.each<[string, Outcome, boolean]>([
      ["failed at IAM", failed, false],
      ["was not sent, so that its caller is to ask again", notSent, true],
      ["is unknown", unknown, false],
    ])("stay bound to a change that %s", async (_what, outcome, freesKey) => {
      const change = keyChange(KEY);
      const idempotency = { key: "k", bodyHash: "h", expiresAt: now + minute };
      await journal.begin(signed(change, { idempotency }));
      await journal.finish(change.id, { ...ended(change, outcome), freesKey });
      expect(await journal.begin(signed())).toEqual(seen(change));
    });

    it("are looked at before an Idempotency-Key, and bound beside it", async () => {
      const idempotency = { key: "k", bodyHash: "h", expiresAt: now + minute };
      const change = await done(keyChange(KEY), applied, { signature: signature(), idempotency });
      expect(await journal.begin(signed(keyChange(KEY), { idempotency }))).toEqual(seen(change));
      const other = signed(keyChange(KEY), { idempotency, signature: signature("b") });
      expect(await journal.begin(other)).toEqual({ kind: "replay", id: change.id });
      // What was only a replay has started nothing, so its signature is still good.
      const fresh = signed(keyChange(KEY), { signature: signature("b") });
      expect(await journal.begin(fresh)).toMatchObject({ kind: "started" });
    });

    it("are remembered to their last millisecond, and forgotten then", async () => {
      const change = await done(keyChange(KEY), applied, { signature: signature() });
      const { expiresAt } = signature();
      expect(await journal.begin(signed(keyChange(KEY), {}, expiresAt - 1))).toEqual(seen(change));
      const renewed = { signature: { ...signature(), expiresAt: expiresAt + minute } };
      const again = keyChange(KEY);
      expect(await journal.begin(signed(again, renewed, expiresAt))).toMatchObject({ kind: "started" });
      expect(await journal.begin(signed(keyChange(KEY), {}, expiresAt + 1))).toEqual(seen(again));
    });

    it("are remembered by a log that is opened anew, and by every other that has it open", async () => {
      const change = await done(keyChange(KEY, "Bob", { status: "Active" }), applied, { signature: signature() });
      expect(await (await fixture.another()).begin(signed())).toEqual(seen(change));
      journal = await fixture.reopen();
      expect(await journal.begin(signed())).toEqual(seen(change));
    });

    it("start one change, however many send the same request at once, and wherever", async () => {
      const journals = [journal, await fixture.another()];
      const changes = Array.from({ length: 20 }, () => keyChange(KEY));
      const begun = await Promise.all(changes.map((change, n) => journals[n % 2]?.begin(signed(change))));
      const started = changes.filter((_, n) => begun[n]?.kind === "started");
      expect(started).toHaveLength(1);
      const [one = keyChange(KEY)] = started;
      expect(begun.filter((answer) => answer?.kind === "seen")).toEqual(Array(19).fill(seen(one)));
      expect(await fixture.records()).toHaveLength(1);
    });
  });

  describe("a signature whose change others came after", () => {
    beforeEach(async () => {
      // One that is earlier is none that came after.
      await done(keyChange(KEY));
    });

    it("is told so, though the same status was asked for again in between", async () => {
      const off = await done(keyChange(KEY), applied, { signature: signature() });
      await done(keyChange(KEY, "bOB", { status: "Active" }), applied, { signature: signature("b") });
      expect(await journal.begin(signed())).toEqual(seen(off, true));
    });

    it.each<[string, () => Change]>([
      ["of another credential", () => keyChange("AKIAANOTHER000000001")],
      ["of the same id under another user", () => keyChange(KEY, "alice")],
      [
        "of the same id in another account",
        () =>
          keyChange(KEY, "Bob", {
            credential: { type: "access-key", id: KEY, userName: "Bob", account: "210987654321" },
          }),
      ],
      [
        "of another type",
        () =>
          keyChange(KEY, "Bob", {
            credential: { type: "ssh-public-key", id: KEY, userName: "Bob", account: "123456789012" },
          }),
      ],
    ])("is not told so for a change %s", async (_what, other) => {
      const change = await done(keyChange(KEY), applied, { signature: signature() });
      await done(other());
      expect(await journal.begin(signed())).toEqual(seen(change));
    });

    it("is not told so for a denial", async () => {
      const change = await done(keyChange(KEY), applied, { signature: signature() });
      await journal.deny(aDenial(keyChange(KEY)));
      expect(await journal.begin(signed())).toEqual(seen(change));
    });

    it("is told so for one that is under way, that failed, or that took its place", async () => {
      const change = keyChange(KEY);
      await journal.begin(signed(change));
      const late = now + 10 * minute;
      const next = keyChange(KEY);
      const superseded = { result: "superseded", observed: null, supersededBy: next.id } as const;
      const supersedes = { id: change.id, record: reconciledRecord(change, superseded, late) };
      expect(await journal.begin(anIntent(next, late, { supersedes }))).toMatchObject({ kind: "started" });
      expect(await journal.begin(signed(keyChange(KEY), {}, late))).toEqual(seen(change, true));
      await journal.finish(next.id, ended(next, failed, late));
      expect(await journal.begin(signed(keyChange(KEY), {}, late))).toEqual(seen(change, true));
    });

    it("is told so when all of them meet in one commit", async () => {
      const [first, second] = [keyChange(KEY), keyChange(KEY, "Bob", { status: "Active" })];
      const answers = await Promise.all([
        journal.begin(signed(first)),
        journal.begin(signed()),
        journal.finish(first.id, ended(first, applied)),
        journal.begin(signed(second, { signature: signature("b") })),
        journal.begin(signed()),
        journal.begin(signed(keyChange(KEY), { signature: signature("b") })),
      ]);
      expect(answers).toMatchObject([
        { kind: "started" },
        seen(first),
        { appended: true },
        { kind: "started" },
        seen(first, true),
        seen(second),
      ]);
    });

    it("is told so whatever has been written since, and wherever it looks", async () => {
      const change = await done(keyChange(KEY), applied, { signature: signature() });
      const fill = async () => {
        for (let times = 0; times < 5; times += 1) {
          await Promise.all(
            Array.from({ length: 500 }, () => journal.deny(aDenial(keyChange("AKIAANOTHER000000001")))),
          );
        }
      };
      await fill();
      expect(await journal.begin(signed())).toEqual(seen(change));
      await done(keyChange(KEY, "Bob", { status: "Active" }));
      expect(await journal.begin(signed())).toEqual(seen(change, true));
      await fill();
      expect(await (await fixture.another()).begin(signed())).toEqual(seen(change, true));
    }, 60_000);

    it("is told so when its change is not there any more: nothing can be said of it then", async () => {
      const change = await done(keyChange(KEY), applied, { signature: signature() });
      await fixture.tamper.cut(2);
      journal = await fixture.reopen();
      expect(await journal.begin(signed())).toEqual(seen(change, true));
    });
  });
}
