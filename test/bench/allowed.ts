import { startReference } from "./setting.ts";
import { compareThroughput } from "./throughput.ts";

/** Allowed changes against a bare Express handler that makes the same two SDK calls to the same IAM stand-in. */
export function allowed(): Promise<void> {
  return compareThroughput({
    role: "oncall",
    expectStatus: 201,
    label: "allowed changes",
    reference: { label: "bare handler, 2 calls", expectStatus: 201, start: (iamUrl) => startReference("sdk", iamUrl) },
    atLeast: 0.6,
  });
}
