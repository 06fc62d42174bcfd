import { Counter, Gauge, type Registry } from "@prometheus-io/client";
import type { ActivatedPolicy } from "../audit/policy-record.ts";
import type { PolicyEvent } from "../policy/update-events.ts";

/** Which policies are in force, and what becomes of others. */
export function policyMetrics(registry: Registry) {
  const registers = [registry];
  const info = new Gauge({
    name: "lockkeeper_policy_info",
    help: "Always 1; the policies that are in force.",
    labelNames: ["revision", "wasm_digest", "data_digest"],
    registers,
  });
  const updates = new Counter({
    name: "lockkeeper_policy_updates_total",
    help: "New bundles and new data by what became of them; failed: the source, the log or the disk could not be had.",
    labelNames: ["result", "code"],
    registers,
  });
  // There from the start, so that the first one of a kind is seen as an increase.
  for (const result of ["activated", "refused", "quarantined", "failed"]) updates.inc({ result, code: "" }, 0);

  const activated = ({ revision, wasmDigest, dataDigest }: ActivatedPolicy): void => {
    info.reset();
    info.set({ revision, wasm_digest: wasmDigest, data_digest: dataDigest }, 1);
  };
  return {
    activated,
    policyEvent(event: PolicyEvent): void {
      if (event.kind === "recovered") return;
      updates.inc({ result: event.kind, code: event.kind === "refused" ? event.code : "" });
      if (event.kind === "activated") activated(event.policy);
      if (event.kind === "quarantined") activated(event.restored);
    },
  };
}
