import type { ProofText } from "./tlog/tlog-proof.ts";

/**
 * The reasons for which Lockkeeper stops what it was asked to do. Stable: they become problem types, log fields and
 * CLI exit messages. What each means to an HTTP caller is said once, in `http/problem.ts`.
 */
export type ErrorCode =
  | "malformed-request"
  | "user-name-required"
  | "unknown-account"
  | "unauthenticated"
  | "authentication-unavailable"
  | "denied"
  | "not-found"
  | "method-not-allowed"
  | "not-acceptable"
  | "payload-too-large"
  | "unsupported-media-type"
  | "change-in-flight"
  | "idempotency-key-reused"
  | "rate-limited"
  | "iam-entity-not-found"
  | "iam-refused"
  | "iam-unavailable"
  | "policy-unavailable"
  | "audit-unavailable"
  | "audit-unreadable"
  | "audit-rolled-back"
  | "change-not-sent"
  | "outcome-unknown"
  | "outcome-unrecorded"
  | "configuration"
  | "internal";

/** One fault inside a request or a configuration: where it is, and what is wrong there. */
export interface Fault {
  /** A JSON pointer into the body (RFC 6901), or `query`/`path`/`header` and the name, or a configuration path. */
  readonly at: string;
  readonly message: string;
}

/** A rate limit, and how much of it is left to whoever asked. */
export interface Quota {
  /** What is counted: `changes`, `reads`, … */
  readonly name: string;
  readonly limit: number;
  readonly windowSeconds: number;
  readonly remaining: number;
  /** Seconds until it is full again. */
  readonly resetSeconds: number;
}

/** What an error carries for those who answer it; nothing in here is secret, all of it may be shown to the caller. */
export interface ErrorDetails {
  readonly faults?: readonly Fault[];
  /** Seconds until it makes sense to ask again. */
  readonly retryAfter?: number;
  /** The status change that this error is about, or that stands in the way. */
  readonly changeId?: string;
  /** Where the newest record of it stands in the audit log, and the proof (c2sp.org/tlog-proof), null if it could not be had. */
  readonly receipt?: { readonly index: number; readonly leafHash: string; readonly proof?: ProofText | null };
  /** The AWS error code, as IAM sent it. */
  readonly awsCode?: string;
  readonly allow?: string;
  /** The rate limit that was reached. */
  readonly quota?: Quota;
}

/**
 * The one error class of Lockkeeper. The message is written for the person who reads it: what is wrong, where, what to
 * do. It never holds a secret or an echo of hostile input. Knows nothing of HTTP.
 */
export class LockkeeperError extends Error {
  override readonly name = "LockkeeperError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}
