import { describe, expect, it } from "vitest";
import type { Query, QueryResults } from "../../src/audit/operation.ts";
import { Reads } from "../../src/audit/reads.ts";

/** A store whose answers come when the test says so. */
function heldStore() {
  const asked: { readonly kind: Query["kind"]; answer(result: unknown): void; fail(error: Error): void }[] = [];
  return {
    asked,
    query: <K extends Query["kind"]>({ kind }: Extract<Query, { kind: K }>) =>
      new Promise<QueryResults[K]>((resolve, reject) =>
        asked.push({ kind, answer: (result) => resolve(result as QueryResults[K]), fail: reject }),
      ),
  };
}

const question = { kind: "records-of", changeId: "c" } as const;

describe("reads of the log", () => {
  it("end at the deadline, and say that the log cannot be read and nothing about changes", async () => {
    const reads = new Reads(heldStore(), 5);
    const refused = await reads.ask<"records-of">(question).catch((error: Error) => error);
    expect(refused).toMatchObject({ code: "audit-unreadable", message: expect.stringContaining("within 5 ms") });
    expect(String(refused)).not.toMatch(/sent/);
  });

  it("are no more than the store may have waiting, also when their callers have given up", async () => {
    const store = heldStore();
    const reads = new Reads(store, 5);
    const waiting = Array.from({ length: 256 }, () => reads.ask<"records-of">(question));
    await expect(reads.ask<"records-of">(question)).rejects.toThrow(/too many questions/);
    expect((await Promise.allSettled(waiting)).every(({ status }) => status === "rejected")).toBe(true);
    await expect(reads.ask<"records-of">(question)).rejects.toThrow(/too many questions/);
    expect(store.asked).toHaveLength(256);
    for (const { answer } of store.asked) answer([]);
    await new Promise((resolve) => setImmediate(resolve));
    const next = reads.ask<"records-of">(question);
    store.asked.at(-1)?.answer([]);
    expect(await next).toEqual([]);
  });

  it("ask for the API keys once at a time, whoever waits for them", async () => {
    const store = heldStore();
    const reads = new Reads(store, 60_000);
    const both = [reads.apiKeys(), reads.apiKeys()];
    expect(store.asked).toHaveLength(1);
    store.asked[0]?.answer([]);
    await Promise.all(both);
    const again = reads.apiKeys();
    expect(store.asked).toHaveLength(2);
    store.asked[1]?.fail(new Error("disk I/O error"));
    await expect(again).rejects.toMatchObject({ code: "audit-unreadable" });
    const third = reads.apiKeys();
    store.asked[2]?.answer([]);
    expect(await third).toEqual([]);
  });

  it("leave no rejection unhandled when the store fails after everybody has given up", async () => {
    const store = heldStore();
    const reads = new Reads(store, 5);
    await expect(reads.apiKeys()).rejects.toMatchObject({ code: "audit-unreadable" });
    await expect(reads.ask<"records-of">(question)).rejects.toMatchObject({ code: "audit-unreadable" });
    // Vitest fails the run for an unhandled rejection.
    for (const { fail } of store.asked) fail(new Error("the audit thread has ended"));
    await new Promise((resolve) => setImmediate(resolve));
  });
});
