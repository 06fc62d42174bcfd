import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { type Gateway, startGateway } from "../fixture/gateway.ts";
import { type Family, parseExposition } from "./exposition.ts";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}

const file = readFileSync(new URL("../../docs/alerts.example.yaml", import.meta.url), "utf8");
const { groups } = parse(file) as { groups: { name: string; rules: Rule[] }[] };
const rules = groups.flatMap(({ rules }) => rules);

/** What of PromQL the rules use, beside metrics: https://prometheus.io/docs/prometheus/latest/querying/basics/ */
const words = new Set(
  "sum count max absent time by and or vector increase rate histogram_quantile offset le instance memory operation status code".split(
    " ",
  ),
);
const token = /\s+|"(?:[^"\\]|\\.)*"|\d+(?:\.\d+)?[smhd]?|[A-Za-z_][A-Za-z0-9_]*|==|!=|=~|!~|>=|<=|[><=*/+\-(){}[\],]/y;

function tokensOf(expr: string): string[] {
  const tokens: string[] = [];
  token.lastIndex = 0;
  while (token.lastIndex < expr.length) {
    const [text] = token.exec(expr) ?? [];
    if (text === undefined) throw new Error(`not PromQL: ${expr}`);
    if (text.trim() !== "") tokens.push(text);
  }
  return tokens;
}

function assertBalanced(expr: string): void {
  const closing: Record<string, string> = { "(": ")", "{": "}", "[": "]" };
  const expected: string[] = [];
  for (const text of tokensOf(expr)) {
    if (text in closing) expected.push(closing[text] ?? "");
    else if (/^[)}\]]$/.test(text) && expected.pop() !== text) throw new Error(`unbalanced: ${expr}`);
  }
  if (expected.length > 0) throw new Error(`unbalanced: ${expr}`);
}

/** `name{label="value",…}` of an expression: what it asks of which metric. */
function selectors(expr: string): { metric: string; labels: string[] }[] {
  return [...expr.matchAll(/\b((?:lockkeeper|process|nodejs)_[a-z_]+)(?:\{([^}]*)\})?/g)].map(
    ([, metric = "", inner]) => ({
      metric,
      labels: [...(inner ?? "").matchAll(/(\w+)\s*(?:=|!)/g)].map(([, label = ""]) => label),
    }),
  );
}

describe("docs/alerts.example.yaml", () => {
  let gateway: Gateway;
  let families: ReadonlyMap<string, Family>;
  beforeAll(async () => {
    gateway = await startGateway({
      outside: [{ name: "file /x", lastSize: 1, ageMs: 0, failing: false }],
      policyMaxAgeMs: 86_400_000,
    });
    gateway.metrics.activated({ revision: "r", wasmDigest: "w", dataDigest: "d" });
    const credential = { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" };
    gateway.standIn.faults.next({ kind: "access-denied", action: "UpdateSigningCertificate" });
    for (const as of ["oncall", "viewer"]) {
      await gateway.request("POST", "/v1/status-changes", { body: { credential, status: "Inactive" }, as });
    }
    // Counted when the caller has the reply already.
    while (!(await gateway.metrics.text()).includes('operation="createStatusChange",status="403"')) {
      await new Promise(setImmediate);
    }
    families = parseExposition(await gateway.metrics.text());
  });
  afterAll(() => gateway.close());

  it("says of each alert what is wrong and what to do, in sentences", () => {
    expect(rules.length).toBeGreaterThan(8);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, labels, annotations, for: pending = "0s", ...rest } of rules) {
      expect(alert).toMatch(/^Lockkeeper[A-Z][A-Za-z]+$/);
      expect(["critical", "warning"]).toContain(labels.severity);
      expect(pending).toMatch(/^\d+[smh]$/);
      expect(annotations.summary).toMatch(/^.{60,}\.$/s);
      expect(annotations.summary).not.toContain("\n");
      expect(Object.keys(rest)).toEqual(["expr"]);
    }
  });

  it("covers what can go wrong with a log that must never be the reason of an unrecorded change", () => {
    const watched = rules.map(({ expr }) => expr).join("\n");
    for (const name of [
      "lockkeeper_audit_healthy",
      "absent(lockkeeper_audit_healthy)",
      "lockkeeper_audit_poisoned",
      'lockkeeper_reconciliations_total{result="unresolved"}',
      "lockkeeper_audit_unsettled_changes",
      "lockkeeper_outside_checkpoint_age_seconds",
      'outcome="deny"',
      "lockkeeper_iam_errors_total",
      "lockkeeper_audit_queue_length",
    ]) {
      expect(watched).toContain(name);
    }
  });

  it("covers policies that are behind their source, long before they deny everything", () => {
    const exprOf = (name: string) => rules.find(({ alert }) => alert === name)?.expr;
    expect(exprOf("LockkeeperPolicyBehind")).toBe("lockkeeper_policy_behind == 1");
    expect(exprOf("LockkeeperPolicyUnconfirmed")).toBe(
      "time() - lockkeeper_policy_confirmed_timestamp_seconds > 0.5 * lockkeeper_policy_max_age_seconds",
    );
  });

  it.each(rules.map(({ alert, expr }) => [alert, expr] as const))("asks for metrics that there are: %s", (_, expr) => {
    assertBalanced(expr);
    const asked = selectors(expr);
    expect(asked).not.toEqual([]);
    const known = new Set<string>(words);
    for (const { metric, labels } of asked) {
      const family = families.get(metric.replace(/_(bucket|sum|count)$/, "")) ?? families.get(metric);
      expect(family?.name, metric).toBeDefined();
      expect(family?.type === "histogram").toBe(/_(bucket|sum|count)$/.test(metric));
      const has = new Set(family?.samples.flatMap((sample) => Object.keys(sample.labels)));
      for (const label of labels) expect(has, `${metric} has no label ${label}`).toContain(label);
      for (const label of [metric, ...has]) known.add(label);
    }
    for (const text of tokensOf(expr).filter((one) => /^[a-z_]/i.test(one))) expect(known).toContain(text);
  });

  it("names in its sentences only labels that its expressions leave, and only calls that the contract has", () => {
    for (const { expr, annotations } of rules) {
      for (const [, label = ""] of annotations.summary.matchAll(/\$labels\.(\w+)/g)) {
        const kept = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, names = ""]) => names.split(/,\s*/));
        // Without an aggregation all labels stay, those of the scrape too.
        if (kept.length > 0) expect(kept).toContain(label);
        else
          expect([
            "instance",
            ...[...families.values()].flatMap(({ samples }) => samples.flatMap((one) => Object.keys(one.labels))),
          ]).toContain(label);
      }
    }
  });

  it.each(["sum(rate(x[5m])", 'x{a="b"', "x ??? 1"])("would not pass with %s", (broken) => {
    expect(() => assertBalanced(broken)).toThrow();
  });
});
