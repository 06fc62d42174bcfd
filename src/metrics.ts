import { Gauge, Registry } from "@prometheus-io/client";
import type { ActivatedPolicy } from "./audit/admin-record.ts";
import { auditMetrics } from "./metrics/audit.ts";
import { decisionMetrics } from "./metrics/decisions.ts";
import { httpMetrics } from "./metrics/http.ts";
import { iamMetrics } from "./metrics/iam.ts";
import { processMetrics } from "./metrics/process.ts";

/**
 * The metrics of one gateway, in a registry of its own. The parts of the gateway know nothing of it: each gets a function
 * that it tells what happened. No label names a person, a credential, an address or a path.
 */
export function createMetrics(version: string) {
  const registry = new Registry();
  processMetrics(registry, version);
  const policy = new Gauge({
    name: "lockkeeper_policy_info",
    help: "Always 1; the policies that are in force.",
    labelNames: ["revision", "wasm_digest", "data_digest"],
    registers: [registry],
  });
  return {
    ...decisionMetrics(registry),
    ...iamMetrics(registry),
    ...httpMetrics(registry),
    ...auditMetrics(registry),
    activated({ revision, wasmDigest, dataDigest }: ActivatedPolicy): void {
      policy.reset();
      policy.set({ revision, wasm_digest: wasmDigest, data_digest: dataDigest }, 1);
    },
    contentType: registry.contentType,
    /** All of them in Prometheus' text format, which {@link contentType} names. */
    text: () => registry.metrics(),
  };
}
