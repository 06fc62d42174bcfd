import { Counter, Histogram, type Registry } from "@prometheus-io/client";
import type { MeasuredCall } from "../iam/measured.ts";
import { BoundedValues } from "./bounded.ts";

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** AWS has a few dozens of them, the runtime some more. */
const MAX_CODES = 64;

/** Measures the calls to AWS. */
export function iamMetrics(registry: Registry) {
  const registers = [registry];
  const duration = new Histogram({
    name: "lockkeeper_iam_request_duration_seconds",
    help: "Time of calls to AWS, retries and pages included, by operation.",
    labelNames: ["operation"],
    buckets: SECONDS,
    registers,
  });
  const errors = new Counter({
    name: "lockkeeper_iam_errors_total",
    help: "Calls to AWS that did not succeed, by operation and error code.",
    labelNames: ["operation", "code"],
    registers,
  });
  const codes = new BoundedValues(MAX_CODES);

  return {
    called({ operation, seconds, error }: MeasuredCall): void {
      duration.observe({ operation }, seconds);
      if (error !== undefined) errors.inc({ operation, code: codes.label(error) });
    },
  };
}
