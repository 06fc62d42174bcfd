import type { PolicyInput } from "../../src/policy/input.ts";
import { input, principal } from "../policy/requests.ts";

/** What callers of several roles ask of the sandbox's policies: allowed, denied, and something missing. */
export const mixedInputs: readonly PolicyInput[] = [
  input(principal("oncall")),
  input(principal("oncall"), { status: "Active" }),
  input(principal("ticketing", { kind: "service" }), { status: "Active", ticket: "SEC-123" }),
  input(principal("chatops", { kind: "bot" }), { onBehalfOf: "sofia" }),
  input(principal("ann", { groups: ["sandbox#sre"] }), { reason: "key seen in a public repository" }),
  input(principal("viewer")),
  input(principal("bob", { userName: "Bob" })),
  input(principal("mallory")),
];
