import { describe, expect, it, onTestFinished, vi } from "vitest";
import { GroupCommit } from "../../src/audit/group-commit.ts";
import type { Operation, OperationOutcome } from "../../src/audit/operation.ts";
import { outcomeRecord } from "../../src/audit/record.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { aChange, aDecision, aDenial, anIntent } from "../fixture/changes.ts";
import { refusal } from "../fixture/errors.ts";

const now = 1_000_000;

/** A store whose commits end when the test says so. */
function heldStore() {
  const batches: {
    operations: readonly Operation[];
    end: (outcomes?: OperationOutcome[]) => void;
    fail: () => void;
  }[] = [];
  let notify = () => {};
  return {
    batches,
    check: async () => {},
    commit: (operations: readonly Operation[]) =>
      new Promise<OperationOutcome[]>((resolve, reject) => {
        const end = (
          outcomes = operations.map((): OperationOutcome => ({ ok: true, result: { index: 0, leafHash: "" } })),
        ) => resolve(outcomes);
        batches.push({ operations, end, fail: () => reject(new Error("disk I/O error")) });
        notify();
      }),
    /** Resolves when there have been that many commits. */
    reached: async (count: number) => {
      while (batches.length < count) await new Promise<void>((resolve) => (notify = resolve));
    },
  };
}

const denial = (): Operation & { kind: "deny" } => ({ kind: "deny", ...aDenial(aChange()) });
const intent = (change = aChange()): Operation & { kind: "begin" } => {
  const { notSent: _, ...rest } = anIntent(change, now);
  return { kind: "begin", ...rest };
};
const outcome = (change = aChange()): Operation & { kind: "finish" } => ({
  kind: "finish",
  id: change.id,
  conclusion: {
    record: outcomeRecord(change, aDecision(true), { name: "applied", awsRequestId: "r", httpStatus: 200 }, null, now),
    step: "outcome",
    outcome: "applied",
    release: true,
    at: now,
  },
});

describe("group commit", () => {
  it("lets those who come while a commit is under way share the next one", async () => {
    const store = heldStore();
    const writes = new GroupCommit(store, { deadlineMs: 60_000, maxQueue: 100 });
    const first = writes.write(denial());
    await store.reached(1);
    const others = [writes.write(denial()), writes.write(denial()), writes.write(denial())];
    expect(store.batches).toHaveLength(1);
    store.batches[0]?.end();
    await first;
    await store.reached(2);
    expect(store.batches[1]?.operations).toHaveLength(3);
    store.batches[1]?.end();
    await Promise.all(others);
  });

  it("lets what comes in on several connections in one turn of the event loop share the first commit", async () => {
    const store = heldStore();
    const writes = new GroupCommit(store, { deadlineMs: 60_000, maxQueue: 10 });
    const written = [writes.write(denial())];
    await Promise.resolve();
    written.push(writes.write(denial()));
    await store.reached(1);
    expect(store.batches[0]?.operations).toHaveLength(2);
    store.batches[0]?.end();
    await Promise.all(written);
  });

  it("keeps half of its places for intents, and always takes outcomes", async () => {
    const store = heldStore();
    const writes = new GroupCommit(store, { deadlineMs: 60_000, maxQueue: 4 });
    const taken = [writes.write(denial())];
    await store.reached(1);
    taken.push(writes.write(denial()), writes.write(denial()));
    await expect(writes.write(denial())).rejects.toMatchObject({ code: "audit-unavailable" });
    taken.push(writes.write(intent()) as never, writes.write(intent()) as never);
    await expect(writes.write(intent())).rejects.toMatchObject({ code: "audit-unavailable" });
    taken.push(writes.write(outcome()));
    store.batches[0]?.end();
    await store.reached(2);
    expect(store.batches[1]?.operations.map(({ kind }) => kind)).toEqual(["deny", "deny", "begin", "begin", "finish"]);
    store.batches[1]?.end();
    await Promise.all(taken);
  });

  it("tells a caller at the deadline that a hung store has not taken the record, and says so of its health", async () => {
    const store = heldStore();
    const writes = new GroupCommit(store, { deadlineMs: 5, maxQueue: 4 });
    expect(writes.healthy).toBe(true);
    await expect(writes.write(denial())).rejects.toMatchObject({ code: "audit-unavailable" });
    expect(writes.healthy).toBe(false);
    store.batches[0]?.end();
    await store.reached(1);
  });

  it("does not send to the store what expired in the queue", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const store = heldStore();
    const writes = new GroupCommit(store, { deadlineMs: 5, maxQueue: 4 });
    const first = writes.write(denial());
    await store.reached(1);
    const both = Promise.allSettled([first, writes.write(denial())]);
    vi.advanceTimersByTime(5);
    const results = await both;
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    const next = denial();
    const written = writes.write(next);
    store.batches[0]?.end();
    await store.reached(2);
    expect(store.batches[1]?.operations).toEqual([next]);
    store.batches[1]?.end();
    await written;
  });

  it("reports an intent that became durable after its caller had given up", async () => {
    const store = heldStore();
    const writes = new GroupCommit(store, { deadlineMs: 5, maxQueue: 4 });
    let late: unknown;
    const reported = new Promise<void>((resolve) => {
      void writes
        .write<"begin">(intent(), (result) => {
          late = result;
          resolve();
        })
        .catch(() =>
          store.batches[0]?.end([{ ok: true, result: { kind: "started", receipt: { index: 7, leafHash: "" } } }]),
        );
    });
    await reported;
    expect(late).toMatchObject({ kind: "started", receipt: { index: 7 } });
  });

  it("tries an outcome again until it is written, and is healthy when it is", async () => {
    const store = heldStore();
    const writes = new GroupCommit(store, { deadlineMs: 60_000, maxQueue: 4 });
    const written = writes.write(outcome());
    await store.reached(1);
    store.batches[0]?.fail();
    await expect(written).rejects.toMatchObject({ code: "audit-unavailable" });
    expect(writes.healthy).toBe(false);
    await store.reached(2);
    expect(store.batches[1]?.operations.map(({ kind }) => kind)).toEqual(["finish"]);
    store.batches[1]?.end();
    await writes.close();
  });

  it("does not try an outcome again that the log refuses, and stays healthy", async () => {
    const store = heldStore();
    const writes = new GroupCommit(store, { deadlineMs: 60_000, maxQueue: 4 });
    const written = writes.write(outcome());
    await store.reached(1);
    store.batches[0]?.end([{ ok: false, failure: "refused", message: "there is no such change" }]);
    await expect(written).rejects.toMatchObject({ code: "internal" });
    expect(writes.healthy).toBe(true);
    const next = denial();
    const nextWritten = writes.write(next);
    await store.reached(2);
    expect(store.batches[1]?.operations).toEqual([next]);
    store.batches[1]?.end();
    await nextWritten;
  });

  it("asks an unhealthy store with an empty batch, and is healthy only when that went through", async () => {
    const store = heldStore();
    const writes = new GroupCommit(store, { deadlineMs: 60_000, maxQueue: 4 });
    const written = writes.write(denial());
    await store.reached(1);
    store.batches[0]?.fail();
    await expect(written).rejects.toMatchObject({ code: "audit-unavailable" });
    await store.reached(2);
    expect(store.batches[1]?.operations).toEqual([]);
    store.batches[1]?.fail();
    await store.reached(3);
    expect(writes.healthy).toBe(false);
    store.batches[2]?.end();
    await new Promise((resolve) => setImmediate(resolve));
    expect(writes.healthy).toBe(true);
  });

  it("looks after the log when nobody writes, and is healthy again when a batch goes through", async () => {
    const store = heldStore();
    const state = { looks: 0, removed: true };
    const check = async () => {
      state.looks += 1;
      if (state.removed) throw new Error("it was removed");
    };
    const writes = new GroupCommit({ ...store, check }, { deadlineMs: 60_000, maxQueue: 4, probeMs: 1 });
    expect(writes.healthy).toBe(true);
    await store.reached(1);
    expect(store.batches[0]?.operations).toEqual([]);
    expect(writes.healthy).toBe(false);
    state.removed = false;
    store.batches[0]?.end([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(writes.healthy).toBe(true);
    await writes.close();
    const { looks } = state;
    expect(looks).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(state.looks).toBe(looks);
  });

  it("tells why the log takes nothing any more, once, and that it does again", async () => {
    const told: (string | undefined)[] = [];
    const store = heldStore();
    const writes = new GroupCommit(store, {
      deadlineMs: 60_000,
      maxQueue: 4,
      onHealth: (reason) => told.push(reason?.message),
    });
    const first = refusal(writes.write(denial()));
    await store.reached(1);
    store.batches[0]?.fail();
    await first;
    const second = refusal(writes.write(denial()));
    await store.reached(2);
    store.batches[1]?.fail();
    await second;
    const third = writes.write(denial());
    await store.reached(3);
    store.batches[2]?.end();
    await third;
    expect(told).toEqual(["disk I/O error", undefined]);
    await writes.close();
  });

  it("takes a look that is not answered for an answer", async () => {
    const store = heldStore();
    const check = () => new Promise<void>(() => {});
    const writes = new GroupCommit({ ...store, check }, { deadlineMs: 5, maxQueue: 4, probeMs: 1 });
    await store.reached(1);
    expect(writes.healthy).toBe(false);
    store.batches[0]?.end([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(writes.healthy).toBe(true);
  });

  it("says that a poisoned log takes nothing any more, and neither asks to try again nor asks what became of it", async () => {
    const store = heldStore();
    const writes = new GroupCommit(store, { deadlineMs: 60_000, maxQueue: 4 });
    const abandoned: unknown[] = [];
    const written = writes.write<"begin">(intent(), (result) => abandoned.push(result));
    await store.reached(1);
    store.batches[0]?.end([{ ok: false, failure: "poisoned", message: "it was rolled back" }]);
    const refused = await refusal(written);
    expect(refused).toMatchObject({
      code: "audit-unavailable",
      message: expect.stringMatching(/any more.*rolled back/),
    });
    expect(refused.details.retryAfter).toBeUndefined();
    expect([writes.healthy, abandoned]).toEqual([false, []]);
  });

  it("writes what waits before it closes", async () => {
    const store = heldStore();
    const writes = new GroupCommit(store, { deadlineMs: 60_000, maxQueue: 4 });
    const written = writes.write(denial());
    const closed = writes.close();
    await store.reached(1);
    store.batches[0]?.end();
    await Promise.all([written, closed]);
    await expect(writes.write(denial())).rejects.toMatchObject({ code: "audit-unavailable" });
  });
});

describe("an intent whose caller was told that the log could not take it", () => {
  const failed = new Promise<Error>(() => {});
  const journalOn = (store: ReturnType<typeof heldStore>) => {
    const query = () => Promise.reject(new Error("nobody asks"));
    return openJournal({ ...store, query, failed, close: async () => {} }, { deadlineMs: 60_000, maxQueue: 4 });
  };

  it("is closed as not sent when it may be in the log all the same", async () => {
    const store = heldStore();
    const journal = journalOn(store);
    const change = aChange();
    const begun = journal.begin(anIntent(change, now));
    await store.reached(1);
    store.batches[0]?.end([{ ok: false, failure: "unknown", message: "disk I/O error" }]);
    await expect(begun).rejects.toMatchObject({ code: "audit-unavailable" });
    await store.reached(2);
    expect(store.batches[1]?.operations).toMatchObject([
      { kind: "finish", id: change.id, conclusion: { outcome: "failed", release: true } },
    ]);
    // It was not there after all: nobody hears of it, and nothing is tried again.
    store.batches[1]?.end([{ ok: false, failure: "refused", message: "there is no such change" }]);
    await journal.close();
    expect(store.batches).toHaveLength(2);
  });

  it("needs no end when it is certainly not in the log", async () => {
    const store = heldStore();
    const journal = journalOn(store);
    const begun = journal.begin(anIntent(aChange(), now));
    await store.reached(1);
    store.batches[0]?.end([{ ok: false, failure: "not-written", message: "database is locked" }]);
    await expect(begun).rejects.toMatchObject({ code: "audit-unavailable" });
    const next = journal.note(denial().record);
    await store.reached(2);
    expect(store.batches[1]?.operations.map(({ kind }) => kind)).toEqual(["note"]);
    store.batches[1]?.end();
    await next;
    await journal.close();
  });
});
