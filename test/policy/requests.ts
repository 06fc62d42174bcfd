import type { Principal } from "../../src/authn/principal.ts";
import { buildChange, type ChangeRequest } from "../../src/changes/build.ts";
import type { Change, RequestContext } from "../../src/changes/change.ts";
import { changeInput, type PolicyInput, policyTimeIn } from "../../src/policy/input.ts";

export const ACCOUNT = "123456789012";

export const context: RequestContext = {
  receivedAt: Date.UTC(2026, 10, 21, 9, 30),
  sourceIp: "127.0.0.1",
  channel: "rest",
  requestId: "0192f0c1-2f4e-7c3a-9b1d-6d2a8c1f0e54",
};

export const time = policyTimeIn("UTC");

export function principal(id: string, more: Partial<Principal> = {}): Principal {
  return { id, issuer: "sandbox", kind: "human", groups: [], authn: "sandbox-token", ...more };
}

const bobsCertificate = {
  type: "signing-certificate",
  id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE",
  userName: "Bob",
} as const;

/** A change as the front doors build it: of Bob's signing certificate, to `Inactive`, unless told otherwise. */
export function change(who: Principal, asked: Partial<ChangeRequest> = {}): Change {
  return buildChange({ credential: bobsCertificate, status: "Inactive", ...asked }, who, { ...context }, ACCOUNT);
}

/** The policy input of such a change. */
export function input(who: Principal, asked: Partial<ChangeRequest> = {}): PolicyInput {
  return changeInput(change(who, asked), time);
}
