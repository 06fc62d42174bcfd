import type { PolicyInput } from "../../src/policy/input.ts";
import { input, principal } from "../policy/requests.ts";

const createdAt = { rfc3339: "2025-11-03T10:00:00.000Z", epochMs: 1_762_164_000_000 };
const facts = {
  siblings: [{ id: "AKIAI44QH8DHBEXAMPLE", status: "Active", createdAt }],
  user: { path: "/", createdAt, tags: { team: "web", stage: "production" } },
} as const;
const key = { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName: "Bob" } as const;

/**
 * What callers of several roles ask of the sandbox's policies: allowed, denied, something missing, and before and after
 * facts were looked up.
 */
export const mixedInputs: readonly PolicyInput[] = [
  input(principal("oncall"), { credential: key }),
  { ...input(principal("oncall"), { credential: key }), facts },
  input(principal("admin"), { credential: key, ticket: "SEC-123" }),
  input(principal("oncall"), { status: "Active" }),
  input(principal("ticketing", { kind: "service" }), { status: "Active", ticket: "SEC-123" }),
  input(principal("chatops", { kind: "bot" }), { onBehalfOf: "sofia" }),
  input(principal("ann", { groups: ["sandbox#sre"] }), { reason: "key seen in a public repository" }),
  input(principal("viewer")),
  input(principal("bob", { userName: "Bob" })),
  input(principal("mallory")),
];
