import type { AuthnMethod, Principal, PrincipalKind } from "../authn/principal.ts";
import type { Change, RequestContext } from "../changes/change.ts";
import type { CredentialType, Status } from "../changes/credential.ts";
import type { ReadAction } from "./decision.ts";
import type { Facts } from "./facts.ts";

/**
 * What policy sees, and what the audit record keeps so that a decision can be judged again: these fields and no others.
 * `policies/schemas/input.json` is its JSON schema.
 */
export interface PolicyInput {
  readonly principal: {
    readonly id: string;
    readonly issuer: string;
    readonly kind: PrincipalKind;
    readonly userName?: string;
    readonly groups: readonly string[];
    readonly authn: AuthnMethod;
  };
  readonly onBehalfOf?: { readonly id: string };
  /** `iam:Update…` for a change, `lockkeeper:…` for a read. */
  readonly action: string;
  readonly credential?: PolicyCredential;
  readonly change?: ChangePart;
  readonly search?: SearchPart;
  readonly context: {
    readonly time: PolicyTime;
    readonly sourceIp: string;
    readonly channel: string;
    readonly requestId: string;
  };
  /** What policy had asked for (`needs`); absent when it is asked for the first time. */
  readonly facts?: Facts;
}

/** What policy sees of the change itself. */
interface ChangePart {
  readonly status: Status;
  readonly reason?: string;
  readonly ticket?: { readonly id: string; readonly verified: false };
  /** On reads of a change only: the principal who had asked for it. */
  readonly requestedBy?: { readonly id: string; readonly issuer: string };
}

/** What beside the credential a search for status changes is narrowed to. */
interface SearchPart {
  /** The only principal whose changes are searched. */
  readonly requestedBy?: { readonly id: string; readonly issuer: string };
}

/**
 * All that is known of a credential: a list of a user's credentials names no id, the search for an owner no user, a
 * search for changes what it is narrowed to.
 */
export interface PolicyCredential {
  readonly type?: CredentialType;
  readonly id?: string;
  readonly userName?: string;
  readonly account: string;
}

/** WASM has no clock and no time zones, so the hour and the weekday come along. */
export interface PolicyTime {
  readonly rfc3339: string;
  readonly epochMs: number;
  /** 0 to 23, in `zone`. */
  readonly hour: number;
  /** `Monday` to `Sunday`, in `zone`. */
  readonly weekday: string;
  /** The configured IANA time zone. */
  readonly zone: string;
}

/** A question to the PDP about looking at something. */
export interface ReadRequest {
  readonly action: ReadAction;
  readonly principal: Principal;
  readonly credential?: PolicyCredential;
  readonly change?: PolicyInput["change"];
  readonly search?: PolicyInput["search"];
  readonly context: RequestContext;
}

/** Turns epoch milliseconds into what policy may know of the time, in one IANA zone. Throws RangeError for an unknown zone. */
export function policyTimeIn(zone: string): (epochMs: number) => PolicyTime {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hour: "2-digit",
    hourCycle: "h23",
    weekday: "long",
  });
  // Every zone's offset is a multiple of a quarter of an hour since 1972, so within one quarter hour and weekday stand still.
  const QUARTER = 15 * 60_000;
  let quarter = Number.NaN;
  let hour = 0;
  let weekday = "";
  return (epochMs) => {
    const at = Math.floor(epochMs / QUARTER);
    if (at !== quarter) {
      quarter = at;
      const parts = Object.fromEntries(format.formatToParts(epochMs).map(({ type, value }) => [type, value]));
      hour = Number(parts["hour"]);
      weekday = parts["weekday"] ?? "";
    }
    return { rfc3339: new Date(epochMs).toISOString(), epochMs, hour, weekday, zone };
  };
}

/** The policy input of a change, field by field: nothing that is not named here reaches policy or the log. */
export function changeInput(change: Change, time: (epochMs: number) => PolicyTime): PolicyInput {
  return {
    principal: principalInput(change.principal),
    ...(change.onBehalfOf && { onBehalfOf: { id: change.onBehalfOf.id } }),
    action: change.action,
    credential: credentialInput(change.credential),
    change: changePart(change),
    context: contextInput(change.context, time),
  };
}

/** The policy input of a read. */
export function readInput(read: ReadRequest, time: (epochMs: number) => PolicyTime): PolicyInput {
  return {
    principal: principalInput(read.principal),
    action: read.action,
    ...(read.credential && { credential: credentialInput(read.credential) }),
    ...(read.change && { change: changePart(read.change) }),
    ...(read.search && { search: searchPart(read.search) }),
    context: contextInput(read.context, time),
  };
}

function principalInput({ id, issuer, kind, userName, groups, authn }: Principal): PolicyInput["principal"] {
  return { id, issuer, kind, ...(userName !== undefined && { userName }), groups, authn };
}

function credentialInput({ type, id, userName, account }: PolicyCredential): PolicyCredential {
  return {
    ...(type !== undefined && { type }),
    ...(id !== undefined && { id }),
    ...(userName !== undefined && { userName }),
    account,
  };
}

function changePart({ status, reason, ticket, requestedBy }: ChangePart): ChangePart {
  return {
    status,
    ...(reason !== undefined && { reason }),
    ...(ticket && { ticket: { id: ticket.id, verified: ticket.verified } }),
    ...(requestedBy && { requestedBy: { id: requestedBy.id, issuer: requestedBy.issuer } }),
  };
}

function searchPart({ requestedBy }: SearchPart): SearchPart {
  return { ...(requestedBy && { requestedBy: { id: requestedBy.id, issuer: requestedBy.issuer } }) };
}

function contextInput(context: RequestContext, time: (epochMs: number) => PolicyTime): PolicyInput["context"] {
  const { receivedAt, sourceIp, channel, requestId } = context;
  return { time: time(receivedAt), sourceIp, channel, requestId };
}
