import { Counter, Histogram, type Registry } from "@prometheus-io/client";
import type { CountedRequest } from "../http/request-log.ts";

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Counts requests. The operations are the contract's, the statuses HTTP's, so both are few. */
export function httpMetrics(registry: Registry) {
  const registers = [registry];
  const requests = new Counter({
    name: "lockkeeper_http_requests_total",
    help: "Requests by operation of the contract and HTTP status; operation none: it was none that the contract has.",
    labelNames: ["operation", "status"],
    registers,
  });
  const duration = new Histogram({
    name: "lockkeeper_http_request_duration_seconds",
    help: "Time from a request's first look to the end of its reply, by operation.",
    labelNames: ["operation"],
    buckets: SECONDS,
    registers,
  });

  return {
    replied({ operation = "none", status, seconds }: CountedRequest): void {
      requests.inc({ operation, status });
      duration.observe({ operation }, seconds);
    },
  };
}
