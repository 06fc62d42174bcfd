import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Config } from "../../src/config.ts";
import { createLimits } from "../../src/http/limits.ts";
import { refusal } from "../fixture/errors.ts";

const config: Config["limits"] = {
  changes: { perMinute: 3 },
  reads: { perMinute: 5 },
  whatIfs: { perMinute: 2 },
  failedAuthentications: { perMinute: 2 },
};

// The limiter reads the clock and drops old counters by timer, so both are the test's.
beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-21T09:30:00Z") });
});
afterEach(() => {
  vi.useRealTimers();
});

async function times(count: number, act: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < count; i += 1) await act();
}

describe("a principal's requests", () => {
  test("are counted down, with the time until they are full again", async () => {
    const limits = createLimits(config);
    expect(await limits.take("changes", "sandbox oncall")).toEqual({
      name: "changes",
      limit: 3,
      windowSeconds: 60,
      remaining: 2,
      resetSeconds: 60,
    });
    vi.advanceTimersByTime(18_500);
    expect(await limits.take("changes", "sandbox oncall")).toMatchObject({ remaining: 1, resetSeconds: 42 });
  });

  test("beyond the limit are refused with the quota and when to ask again, until the minute is over", async () => {
    const limits = createLimits(config);
    await times(3, () => limits.take("changes", "sandbox oncall"));
    vi.advanceTimersByTime(20_000);
    const error = await refusal(limits.take("changes", "sandbox oncall"));
    expect(error.code).toBe("rate-limited");
    expect(error.message).toBe("More than 3 changes in a minute; ask again in 40 s.");
    expect(error.details).toEqual({
      retryAfter: 40,
      quota: { name: "changes", limit: 3, windowSeconds: 60, remaining: 0, resetSeconds: 40 },
    });
    vi.advanceTimersByTime(40_000);
    await expect(limits.take("changes", "sandbox oncall")).resolves.toMatchObject({ remaining: 2 });
  });

  test("that were refused do not put off the end of the minute", async () => {
    const limits = createLimits(config);
    await times(3, () => limits.take("changes", "sandbox oncall"));
    for (let second = 0; second < 59; second += 1) {
      vi.advanceTimersByTime(1_000);
      await refusal(limits.take("changes", "sandbox oncall"));
    }
    vi.advanceTimersByTime(1_000);
    await expect(limits.take("changes", "sandbox oncall")).resolves.toMatchObject({ remaining: 2 });
  });

  test("are counted apart from other principals', and changes, reads and what-ifs from each other", async () => {
    const limits = createLimits(config);
    await times(5, () => limits.take("reads", "sandbox oncall"));
    await times(2, () => limits.take("whatIfs", "sandbox oncall"));
    await refusal(limits.take("reads", "sandbox oncall"));
    await refusal(limits.take("whatIfs", "sandbox oncall"));
    await expect(limits.take("changes", "sandbox oncall")).resolves.toMatchObject({ remaining: 2 });
    await times(2, () => limits.take("changes", "sandbox oncall"));
    await refusal(limits.take("changes", "sandbox oncall"));
    await expect(limits.take("changes", "sandbox oncal")).resolves.toMatchObject({ remaining: 2 });
    await expect(limits.take("changes", "other oncall")).resolves.toMatchObject({ remaining: 2 });
  });

  test("at the same time are counted each", async () => {
    const limits = createLimits(config);
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => limits.take("changes", "a b")));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
  });
});

describe("failed authentications", () => {
  test("are let through to their 401 up to the limit, then answered with 429", async () => {
    const limits = createLimits(config);
    await times(2, () => limits.failed("192.0.2.1"));
    const error = await refusal(limits.failed("192.0.2.1"));
    expect(error.code).toBe("rate-limited");
    expect(error.details.retryAfter).toBe(60);
    await expect(limits.failed("192.0.2.2")).resolves.toBeUndefined();
    vi.advanceTimersByTime(60_000);
    await expect(limits.failed("192.0.2.1")).resolves.toBeUndefined();
  });

  test("of one IPv6 subscriber count together, of two apart", async () => {
    const limits = createLimits(config);
    await limits.failed("2001:db8::1");
    await limits.failed("2001:db8::2");
    await refusal(limits.failed("2001:db8::ffff"));
    await expect(limits.failed("2001:db8:0:1::1")).resolves.toBeUndefined();
  });

  test("use up nobody's quota, and nobody's denials use up that of others", async () => {
    const limits = createLimits(config);
    for (let i = 0; i < 100; i += 1) await limits.failed("192.0.2.1").catch(() => undefined);
    for (let i = 0; i < 100; i += 1) await limits.take("changes", "sandbox viewer").catch(() => undefined);
    await expect(limits.take("changes", "sandbox oncall")).resolves.toMatchObject({ remaining: 2 });
  });

  test("from ever new addresses take a bounded number of counters", async () => {
    const limits = createLimits(config);
    for (let i = 0; i < 300_000; i += 1) {
      await limits.failed(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`).catch(() => undefined);
    }
    // One timer for each counter that is kept.
    expect(vi.getTimerCount()).toBeGreaterThan(50_000);
    expect(vi.getTimerCount()).toBeLessThanOrEqual(65_536);
  });
});
