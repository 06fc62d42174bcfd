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
  failed: ["credential.status.outcome", 2],
  readBack: ["credential.status.reconciled", 1],
  superseded: ["credential.status.reconciled", 0],
  recovered: ["lockkeeper.audit.recovered", 1],
} as const;

/** What is recorded of which change, and which other one superseded it. */
type Step = readonly [step: keyof typeof steps, id: string, by?: string];

/** Follows steps as the verification does, with a second look where one is due. */
function follow(log: readonly Step[], deadline = time + 5_000) {
  const findings = new Findings();
  const run = (changes: Changes) => {
    for (const [index, [step, correlation, by]] of log.entries()) {
      const [code, statusId] = steps[step];
      const statusCode = step === "superseded" ? step : undefined;
      const outline: Outline = { time, uid: randomUUIDv7(), correlation, code, statusId, statusCode };
      const unmapped = { readBack: { supersededBy: by }, carried: { records: 4 }, deadline };
      changes.take(index, outline, Buffer.from(JSON.stringify({ unmapped })));
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

  describe("that took another's place and failed", () => {
    const chain: Step[] = [
      ["intent", "a"],
      ["superseded", "a", "b"],
      ["intent", "b"],
    ];

    it("leave the other one open, to be read back once more", () => {
      const log: Step[] = [...chain, ["failed", "b"]];
      expect(follow(log)).toMatchObject({ faults: [], open: { count: 1, first: 0 } });
      expect(follow([...log, ["readBack", "a"]])).toMatchObject({ faults: [], open: { count: 0 } });
      const twice: Step[] = [...log, ["readBack", "a"], ["readBack", "a"]];
      expect(follow(twice)).toMatchObject({ faults: [{ kind: "repeated", index: 5 }] });
    });

    it("but had been read back, may leave the other one to be read back, or closed", () => {
      const log: Step[] = [...chain, ["readBack", "b"], ["failed", "b"]];
      expect(follow(log)).toMatchObject({ faults: [], open: { count: 0 } });
      expect(follow([...log, ["readBack", "a"]])).toMatchObject({ faults: [], open: { count: 0 } });
    });

    it("leave it closed when its own outcome is known", () => {
      const log: Step[] = [...chain, ["applied", "a"], ["failed", "b"]];
      expect(follow(log)).toMatchObject({ faults: [], open: { count: 0 } });
      expect(follow([...log, ["readBack", "a"]])).toMatchObject({ faults: [{ kind: "repeated", index: 5 }] });
    });
  });

  it("that did not fail leave what they have superseded closed", () => {
    const log: Step[] = [
      ["intent", "a"],
      ["superseded", "a", "b"],
      ["intent", "b"],
      ["applied", "b"],
      ["readBack", "a"],
    ];
    expect(follow(log)).toMatchObject({ faults: [{ kind: "repeated", index: 4 }] });
  });

  it("may stand apart from what superseded them where a recovery has copied them", () => {
    const log: Step[] = [
      ["recovered", "r"],
      ["intent", "a"],
      ["superseded", "a", "b"],
      ["intent", "c"],
      ["applied", "c"],
    ];
    expect(follow(log)).toMatchObject({ faults: [] });
    expect(follow(log.slice(1))).toMatchObject({ faults: [{ kind: "superseder-missing", index: 2 }] });
  });
});
