import type { Principal } from "../authn/principal.ts";
import type { RequestContext } from "../changes/change.ts";
import type { Decision } from "../policy/decision.ts";
import type { Event } from "./ocsf.ts";

/** As much of a decision as its record keeps beside the policy's name and digest. */
export type KeptDecision = Pick<Decision, "id" | "allow" | "reasons" | "revision">;

/** Who asked, from where, and under which decision, in OCSF's words. */
export function caller(
  principal: Principal,
  context: RequestContext,
  decision: Decision | undefined,
): Pick<Event, "actor" | "sourceEndpoint"> & { readonly httpRequestId: string } {
  return {
    actor: {
      user: {
        uid: principal.id,
        ...(principal.userName !== undefined && { name: principal.userName }),
        type: principal.kind,
      },
      session: { issuer: principal.issuer },
      idp: { name: principal.issuer, protocol_name: principal.authn },
      ...(decision && {
        authorizations: [
          {
            decision: decision.allow ? "allow" : "deny",
            policy: { name: decision.entrypoint, uid: decision.revision, version: decision.wasmDigest },
          },
        ],
      }),
    },
    sourceEndpoint: { ip: context.sourceIp },
    httpRequestId: context.requestId,
  };
}

/** Where Lockkeeper itself has acted, and no caller. */
export const self = { actor: { app_name: "lockkeeper" }, sourceEndpoint: { svc_name: "lockkeeper" } } as const;

/** The part of a decision that its record keeps. */
export function kept({ id, allow, reasons, revision }: Decision): KeptDecision {
  return { id, allow, reasons, revision };
}

/** A decision's reasons, for people. */
export function sentences({ reasons }: Decision): string {
  return reasons.map((reason) => reason.message).join(" ");
}
