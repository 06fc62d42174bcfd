import type { Principal } from "../authn/principal.ts";
import type { Credential, Status, UpdateAction } from "./credential.ts";

/** The front door through which a request came in. */
export type Channel = "rest" | "aws";

/** A ticket's id as the caller gave it. Nobody has looked the ticket up: it is the caller's word. */
export interface Ticket {
  readonly id: string;
  readonly verified: false;
}

/** The person for whom a bot or an integration says that it acts. Asserted, so it only ever narrows. */
export interface OnBehalfOf {
  readonly id: string;
}

/** The circumstances of a request, as policy sees them. WASM has no clock, so the time is in here. */
export interface RequestContext {
  /** Milliseconds since the epoch at which the request was taken in. */
  readonly receivedAt: number;
  /** The caller's address; through trusted proxies, the one that they forwarded. */
  readonly sourceIp: string;
  readonly channel: Channel;
  readonly requestId: string;
}

/**
 * One requested status change. Frozen once built: policy, audit and IAM see this value and never the raw request.
 */
export interface Change {
  /** UUIDv7. It is the change's id everywhere: in the resource, in the records and in IAM's user agent. */
  readonly id: string;
  readonly action: UpdateAction;
  readonly principal: Principal;
  readonly credential: Credential;
  readonly status: Status;
  readonly reason?: string;
  readonly ticket?: Ticket;
  readonly onBehalfOf?: OnBehalfOf;
  readonly context: RequestContext;
}
