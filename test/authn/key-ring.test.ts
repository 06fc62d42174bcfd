import { describe, expect, test } from "vitest";
import type { StoredApiKey } from "../../src/audit/journal.ts";
import { createApiKey } from "../../src/authn/api-keys.ts";
import { createKeyRing, keepFresh } from "../../src/authn/key-ring.ts";
import { TestClock } from "../fixture/clock.ts";
import { refusal } from "../fixture/errors.ts";

const principal = { id: "ci", issuer: "lockkeeper", kind: "service", groups: [], authn: "api-key" } as const;
const { stored } = createApiKey({ principal, now: 0 });

/** A store whose rows, and whether it answers, the test decides. */
function store(...first: StoredApiKey[]) {
  const state = { rows: first, broken: false, reads: 0 };
  const read = async () => {
    state.reads += 1;
    if (state.broken) throw new Error("the disk is gone");
    return state.rows;
  };
  return { state, read };
}

describe("the key ring", () => {
  test("accepts nothing before its first look", async () => {
    const ring = createKeyRing({ read: store(stored).read, clock: new TestClock() });
    expect((await refusal(() => ring.find(stored.id))).code).toBe("audit-unreadable");
  });

  test("finds keys without asking the store", async () => {
    const { state, read } = store(stored);
    const ring = createKeyRing({ read, clock: new TestClock() });
    await ring.refresh();
    for (let i = 0; i < 10; i += 1) expect(ring.find(stored.id)?.principal).toEqual(principal);
    expect(ring.find("nobody")).toBeUndefined();
    expect(state.reads).toBe(1);
  });

  test("sees a revocation, a new key and a deleted row at the next look", async () => {
    const { state, read } = store(stored);
    const ring = createKeyRing({ read, clock: new TestClock() });
    await ring.refresh();
    const second = createApiKey({ principal, now: 0 }).stored;
    state.rows = [{ ...stored, revokedAt: 5 }, second];
    expect(ring.find(stored.id)?.revoked).toBe(false);
    await ring.refresh();
    expect(ring.find(stored.id)?.revoked).toBe(true);
    expect(ring.find(second.id)?.revoked).toBe(false);
    state.rows = [];
    await ring.refresh();
    expect(ring.find(second.id)).toBeUndefined();
  });

  test("keeps its keys while the store fails for a moment, and fails closed after 30 seconds", async () => {
    const clock = new TestClock();
    const { state, read } = store(stored);
    const ring = createKeyRing({ read, clock });
    await ring.refresh();
    state.broken = true;
    clock.advance(30_000);
    await expect(ring.refresh()).rejects.toThrow("the disk is gone");
    expect(ring.find(stored.id)?.principal).toEqual(principal);
    clock.advance(1);
    expect((await refusal(() => ring.find(stored.id))).code).toBe("audit-unreadable");
    state.broken = false;
    await ring.refresh();
    expect(ring.find(stored.id)?.principal).toEqual(principal);
  });

  test("counts a look from when it began: a slow answer is an old one", async () => {
    const clock = new TestClock();
    const ring = createKeyRing({
      read: async () => {
        clock.advance(31_000);
        return [stored];
      },
      clock,
    });
    await ring.refresh();
    expect((await refusal(() => ring.find(stored.id))).code).toBe("audit-unreadable");
  });

  test("does not take old keys for new ones when the clock is set back", async () => {
    const clock = new TestClock();
    const ring = createKeyRing({ read: store(stored).read, clock });
    await ring.refresh();
    clock.advance(-3_600_000);
    expect(ring.find(stored.id)?.principal).toEqual(principal);
    clock.advance(30_001);
    expect((await refusal(() => ring.find(stored.id))).code).toBe("audit-unreadable");
  });
});

describe("keeping the ring fresh", () => {
  test("looks once a second, tells of failures, goes on after them, and ends when told to", async () => {
    const stop = new AbortController();
    const pauses: number[] = [];
    const outcomes = [true, false, true];
    const failures: unknown[] = [];
    const clock = {
      sleep: async (ms: number, signal?: AbortSignal) => {
        pauses.push(ms);
        if (outcomes.length === 0) stop.abort();
        signal?.throwIfAborted();
      },
    };
    const refresh = async () => {
      if (outcomes.shift() !== true) throw new Error("the disk is gone");
    };
    await keepFresh({ refresh }, clock, stop.signal, (error) => failures.push(error));
    expect(pauses).toEqual([1_000, 1_000, 1_000, 1_000]);
    expect(failures).toEqual([new Error("the disk is gone")]);
  });
});
