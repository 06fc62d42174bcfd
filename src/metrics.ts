import { Registry } from "@prometheus-io/client";
import { auditMetrics } from "./metrics/audit.ts";
import { decisionMetrics } from "./metrics/decisions.ts";
import { httpMetrics } from "./metrics/http.ts";
import { iamMetrics } from "./metrics/iam.ts";
import { policyMetrics } from "./metrics/policy.ts";
import { processMetrics } from "./metrics/process.ts";

/**
 * The metrics of one gateway, in a registry of its own. The parts of the gateway know nothing of it: each gets a function
 * that it tells what happened. No label names a person, a credential, an address or a path.
 */
export function createMetrics(version: string) {
  const registry = new Registry();
  processMetrics(registry, version);
  return {
    ...decisionMetrics(registry),
    ...policyMetrics(registry),
    ...iamMetrics(registry),
    ...httpMetrics(registry),
    ...auditMetrics(registry),
    contentType: registry.contentType,
    /** All of them in Prometheus' text format, which {@link contentType} names. */
    text: () => registry.metrics(),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
