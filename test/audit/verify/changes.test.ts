import { randomUUIDv7 } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Changes } from "../../../src/audit/verify/changes.ts";
import { Findings } from "../../../src/audit/verify/findings.ts";
import type { Outline } from "../../../src/audit/verify/outline.ts";

const time = Date.parse("2026-11-21T09:30:00Z");
const steps = {
  intent: ["credential.status.intent", 99],
  applied: ["credential.status.outcome", 1],
  unknown: ["credential.status.outcome", 0],
  readBack: ["credential.status.reconciled", 1],
} as const;

type Step = readonly [keyof typeof steps, string];

/** Follows steps as the verification does, with a second look where one is due. */
function follow(log: readonly Step[], deadline = time + 5_000) {
  const findings = new Findings();
  const run = (changes: Changes) => {
    for (const [index, [step, correlation]] of log.entries()) {
      const [code, statusId] = steps[step];
      const outline: Outline = { time, uid: randomUUIDv7(), correlation, code, statusId, statusCode: undefined };
      changes.take(index, outline, Buffer.from(`{"unmapped":{"x":1,"deadline":${deadline}}}`));
    }
    return changes;
  };
  const changes = run(new Changes(findings));
  const strays = changes.strays.size;
  if (strays > 0) run(new Changes(findings, changes.strays));
  const open = changes.open(time);
  return { strays, faults: findings.faults, open };
}

/** Changes that begin and end, one after another. */
const many = (count: number): Step[] =>
  Array.from({ length: count }, () => randomUUIDv7()).flatMap((id): Step[] => [
    ["intent", id],
    ["applied", id],
  ]);

describe("changes in a log", () => {
  it("may be read back soon after their outcome without a second look", () => {
    const log: Step[] = [["intent", "a"], ["applied", "a"], ...many(4000), ["readBack", "a"]];
    expect(follow(log)).toMatchObject({ strays: 0, faults: [] });
  });

  it("may be read back long after their outcome, once", () => {
    const log: Step[] = [["intent", "a"], ["applied", "a"], ...many(9000), ["readBack", "a"]];
    expect(follow(log)).toMatchObject({ strays: 1, faults: [] });
    const faults = [{ kind: "repeated", index: log.length }];
    expect(follow([...log, ["readBack", "a"]])).toMatchObject({ strays: 1, faults });
  });

  it("get no second outcome, however long after the first", () => {
    const log: Step[] = [["intent", "a"], ["unknown", "a"], ["readBack", "a"], ...many(9000), ["applied", "a"]];
    expect(follow(log)).toMatchObject({ faults: [{ kind: "repeated", index: log.length - 1 }] });
  });

  it("get a late outcome, however long after the read-back", () => {
    const log: Step[] = [["intent", "a"], ["readBack", "a"], ...many(9000), ["applied", "a"]];
    expect(follow(log)).toMatchObject({ strays: 0, faults: [] });
  });

  it("are open until they have an end that is known, or a read-back", () => {
    expect(follow([["intent", "a"], ["unknown", "a"], ...many(10)])).toMatchObject({ open: { count: 1, first: 0 } });
    expect(
      follow([
        ["intent", "a"],
        ["readBack", "a"],
      ]),
    ).toMatchObject({ open: { count: 0, first: undefined } });
  });

  it("are at fault when the log went on for days without their end", () => {
    const log: Step[] = [["intent", "a"], ...many(1)];
    const days = (n: number) => follow(log, time - n * 86_400_000);
    expect(days(1)).toMatchObject({ open: { count: 1, overdue: 1, first: 0 }, faults: [] });
    expect(days(3)).toMatchObject({ open: { count: 1 }, faults: [{ kind: "no-end", index: 0 }] });
  });
});
