import { Counter, Gauge, type Registry } from "@prometheus-io/client";
import type { ActivatedPolicy } from "../audit/policy-record.ts";
import type { PolicyEvent, PolicyState } from "../policy/update-events.ts";
import { readGauge } from "./read-gauge.ts";

/** What is asked when the metrics are read, and not before. */
export interface PolicySources {
  state(): Pick<PolicyState, "confirmedAt" | "trouble">;
  /** Milliseconds after which policies that their source has not confirmed deny everything; undefined: never. */
  readonly maxAgeMs: number | undefined;
}

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
    /** Shows how far policies are behind their source, once there are any. To be called once. */
    watchPolicies: (sources: PolicySources) => watch(registry, sources),
  };
}

function watch(registry: Registry, { state, maxAgeMs }: PolicySources): void {
  readGauge(
    registry,
    "lockkeeper_policy_confirmed_timestamp_seconds",
    "When the source of the policies said last that those in force are its newest, in seconds since the epoch.",
    () => state().confirmedAt / 1000,
  );
  readGauge(
    registry,
    "lockkeeper_policy_behind",
    "1 while the newest bundle or data could not be had or were not taken, and those before decide.",
    () => (state().trouble === undefined ? 0 : 1),
  );
  if (maxAgeMs === undefined) return;
  readGauge(
    registry,
    "lockkeeper_policy_max_age_seconds",
    "Age of the last confirmation after which everything is denied, policy.maxAgeHours; absent when there is none.",
    () => maxAgeMs / 1000,
  );
}
