import { Counter, type Registry } from "@prometheus-io/client";
import type { Change } from "../changes/change.ts";
import type { Outcome, ReadBackResult } from "../changes/outcome.ts";
import type { Decision } from "../policy/decision.ts";
import type { Asked } from "../policy/pep.ts";
import { BoundedValues } from "./bounded.ts";

/** Far more codes than policies have; a bundle that makes them up cannot fill a memory. */
const MAX_REASONS = 64;

/** Counts what policy decides, and what becomes of the changes that it allows. */
export function decisionMetrics(registry: Registry) {
  const registers = [registry];
  const decisions = new Counter({
    name: "lockkeeper_decisions_total",
    help: "Decisions of policy, by what was asked, outcome, code of the first reason, and front door.",
    labelNames: ["asked", "outcome", "reason", "channel"],
    registers,
  });
  const changes = new Counter({
    name: "lockkeeper_changes_total",
    help: "Allowed changes by what became of them; unknown: IAM may or may not have made it.",
    labelNames: ["type", "status", "outcome"],
    registers,
  });
  const reconciliations = new Counter({
    name: "lockkeeper_reconciliations_total",
    help: "Changes of unknown outcome that this instance has read back, by what it saw.",
    labelNames: ["result"],
    registers,
  });
  // There from the start, so that the first one of a kind is seen as an increase.
  for (const result of ["as-wanted", "not-as-wanted", "unresolved"]) reconciliations.inc({ result }, 0);
  const reasons = new BoundedValues(MAX_REASONS);

  return {
    decided(asked: Asked, { allow, reasons: [first] }: Decision, channel: string): void {
      const reason = first === undefined ? "none" : reasons.label(first.code);
      decisions.inc({ asked, outcome: allow ? "allow" : "deny", reason, channel });
    },
    changed({ credential, status }: Change, outcome: Outcome): void {
      changes.inc({ type: credential.type, status, outcome: outcome.name });
    },
    settled(result: ReadBackResult): void {
      reconciliations.inc({ result });
    },
  };
}
