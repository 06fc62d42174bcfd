import { Registry } from "@prometheus-io/client";
import { describe, expect, it } from "vitest";
import { BoundedValues } from "../../src/metrics/bounded.ts";
import { decisionMetrics } from "../../src/metrics/decisions.ts";
import { iamMetrics } from "../../src/metrics/iam.ts";
import { aDecision } from "../fixture/changes.ts";
import { parseExposition } from "./exposition.ts";

describe("a label's values", () => {
  it("are kept as they are, up to the bound, and are one value beyond it", () => {
    const values = new BoundedValues(2);
    expect(["a", "b", "c", "a", "c", "b"].map((value) => values.label(value))).toEqual([
      "a",
      "b",
      "other",
      "a",
      "other",
      "b",
    ]);
  });

  it.each([
    "User: arn:aws:iam::123456789012:user/Bob is not authorized",
    "AKIA IOSFODNN",
    "192.0.2.1",
    "line\nbreak",
    'a"b',
    "",
    "x".repeat(65),
  ])("that are not codes are none: %j", (value) => {
    expect(new BoundedValues(2).label(value)).toBe("other");
  });

  it("that are no codes take no place from those that are", () => {
    const values = new BoundedValues(1);
    values.label("no code");
    expect(values.label("code")).toBe("code");
  });
});

describe("a policy, or an IAM, that makes codes up", () => {
  it("gets no more than a bounded number of time series", async () => {
    const registry = new Registry();
    const { decided } = decisionMetrics(registry);
    const { called } = iamMetrics(registry);
    for (let n = 0; n < 10_000; n += 1) {
      decided("change", { ...aDecision(false), reasons: [{ code: `made-up-${n}`, message: "No." }] }, "rest");
      called({ operation: "UpdateAccessKey", seconds: 0.1, error: `MadeUp${n}` });
    }
    const families = parseExposition(await registry.metrics());
    const of = (name: string) => families.get(name)?.samples ?? [];
    for (const name of ["lockkeeper_decisions_total", "lockkeeper_iam_errors_total"]) {
      expect(of(name)).toHaveLength(65);
      expect(of(name).reduce((sum, { value }) => sum + value, 0)).toBe(10_000);
    }
  });

  it("and a denial without any reason is counted", async () => {
    const registry = new Registry();
    decisionMetrics(registry).decided("change", { ...aDecision(false), reasons: [] }, "rest");
    expect(await registry.metrics()).toContain('outcome="deny",reason="none"');
  });
});
