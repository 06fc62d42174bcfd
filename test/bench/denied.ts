import { startReference } from "./setting.ts";
import { compareThroughput } from "./throughput.ts";

/** Denied changes, each with its durable record, against a bare Express app that parses and echoes the same JSON. */
export function denied(): Promise<void> {
  return compareThroughput({
    role: "viewer",
    expectStatus: 403,
    label: "denied changes",
    reference: { label: "bare Express echo", expectStatus: 200, start: () => startReference("echo") },
    atLeast: 0.2,
  });
}
