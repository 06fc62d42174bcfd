import { describe, expect, it } from "vitest";
import type { LogEntry, LogReader } from "../../../src/audit/log-reader.ts";
import { startOfLast } from "../../../src/policy/replay/last-decisions.ts";

const decision = JSON.stringify({
  unmapped: {
    decision: { id: "d", allow: true, reasons: [] },
    input: { principal: { issuer: "i", id: "p" }, action: "iam:UpdateAccessKey" },
  },
});
const other = JSON.stringify({ unmapped: { outcome: {} } });
const bodies = { d: decision, o: other, x: "no record", p: null };

/** A log of these records: d a decision, o another record, x a broken one, p a pruned one. */
function log(kinds: string): Pick<LogReader, "size" | "records"> {
  const all = [...kinds].map((kind, index): LogEntry => {
    const body = bodies[kind as keyof typeof bodies];
    return { index, body: body === null ? null : Buffer.from(body), leafHash: Buffer.alloc(32) };
  });
  return {
    size: async () => all.length,
    async *records(from, to) {
      for (let at = from; at < to; at += 7) yield all.slice(at, Math.min(at + 7, to));
    },
  };
}

describe("the newest decisions of a log", () => {
  it.each([
    ["", 0],
    ["ooo", 0],
    ["d", 0],
    ["od", 0],
    ["odod", 1],
    ["oddodo", 2],
    ["dddxdp", 2],
  ])("begin in %j at %i, where two are wanted", async (kinds, at) => {
    expect(await startOfLast(2, log(kinds))).toBe(at);
  });

  it("are found however far back they are", async () => {
    const kinds = `ddd${"o".repeat(2_000)}`;
    expect(await startOfLast(2, log(kinds))).toBe(1);
    expect(await startOfLast(1, log(kinds))).toBe(2);
  });
});
