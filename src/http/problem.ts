import type { ServerResponse } from "node:http";
import type { ErrorCode, ErrorDetails, Fault } from "../errors.ts";
import type { Decision } from "../policy/decision.ts";
import { proofText } from "../tlog/tlog-proof.ts";
import type { components } from "./openapi.ts";
import { rateLimit, rateLimitPolicy } from "./rate-limit.ts";

type ProblemBody = components["schemas"]["Problem"];

/** A refusal as RFC 9457 problem details, ready to be sent. */
export interface Problem {
  readonly code: ErrorCode;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly problem: Omit<ProblemBody, "requestId" | "receipt">;
  /** The problem's receipt, which is put into its text as `receiptJson` writes it. */
  readonly receipt?: NonNullable<ErrorDetails["receipt"]>;
}

interface Meaning {
  readonly status: number;
  readonly title: string;
  /** Said instead of the error's own message, which is for the log: nothing from further inside gets out. */
  readonly detail?: string;
  /** Seconds, where the error names none. */
  readonly retryAfter?: number;
}

/** What each error means to an HTTP caller. Faults of the gateway's own and of what it stands on have fixed texts. */
const meanings: Readonly<Record<ErrorCode, Meaning>> = {
  "malformed-request": { status: 400, title: "Malformed request" },
  "user-name-required": { status: 400, title: "User name required" },
  "unknown-account": { status: 400, title: "Unknown account" },
  unauthenticated: { status: 401, title: "Not authenticated" },
  "authentication-unavailable": {
    status: 503,
    title: "Authentication unavailable",
    detail:
      "Whoever vouches for this caller cannot be asked now, so nobody knows whether what was sent is valid; ask again.",
    retryAfter: 5,
  },
  denied: { status: 403, title: "Denied by policy" },
  "not-found": { status: 404, title: "Not found" },
  "method-not-allowed": { status: 405, title: "Method not allowed" },
  "not-acceptable": { status: 406, title: "Not acceptable" },
  "payload-too-large": { status: 413, title: "Body too large" },
  "unsupported-media-type": { status: 415, title: "Unsupported media type" },
  "change-in-flight": { status: 409, title: "Another change is in flight", retryAfter: 2 },
  "idempotency-key-reused": { status: 422, title: "Idempotency-Key reused" },
  "rate-limited": { status: 429, title: "Too many requests", retryAfter: 1 },
  "iam-entity-not-found": { status: 404, title: "IAM knows no such entity" },
  "iam-refused": {
    status: 502,
    title: "IAM refused",
    detail: "IAM refused, so nothing was changed; awsCode says why, and the operator's log has IAM's own message.",
  },
  "iam-unavailable": {
    status: 503,
    title: "IAM unavailable",
    detail:
      "IAM cannot be reached or is throttling. It has changed nothing; ask again, with the same Idempotency-Key if there was one.",
    retryAfter: 5,
  },
  "policy-unavailable": {
    status: 503,
    title: "Policy unavailable",
    detail: "No policy can be asked now, so nothing is allowed and nothing was sent to IAM; ask again.",
    retryAfter: 5,
  },
  "audit-unavailable": {
    status: 503,
    title: "Audit log unavailable",
    detail:
      "The audit log cannot take this request's record now, so for this request nothing was sent to IAM; ask again.",
    retryAfter: 5,
  },
  "audit-unreadable": {
    status: 503,
    title: "Audit log unreadable",
    detail:
      "The audit log cannot be read now. This request has sent nothing to IAM, and says nothing of earlier ones; ask again, with the same Idempotency-Key if it had one.",
    retryAfter: 5,
  },
  "change-not-sent": {
    status: 503,
    title: "Change not sent",
    detail:
      "The change was allowed, but could not be sent in time. IAM has changed nothing; ask again, with the same Idempotency-Key if there was one.",
    retryAfter: 1,
  },
  "outcome-unknown": {
    status: 504,
    title: "Outcome unknown",
    detail:
      "IAM may or may not have made the change. Do not repeat it blindly: Location says what is found out about it.",
  },
  "outcome-unrecorded": {
    status: 504,
    title: "Outcome unrecorded",
    detail:
      "IAM may have been asked, and what came of it could not be written to the audit log. Location says what is found out about it.",
  },
  "audit-rolled-back": internal("Audit log rolled back"),
  configuration: internal("Configuration error"),
  internal: internal("Internal error"),
};

function internal(title: string): Meaning {
  return { status: 500, title, detail: "A fault of Lockkeeper's own. The operator's log has it under the request id." };
}

/** What a problem is made from; every LockkeeperError is such a thing, and a refusal that is no error can be one too. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
  readonly decision?: Pick<Decision, "id" | "allow" | "reasons" | "revision">;
}

/** The problem that tells an HTTP caller of a refusal. */
export function problemOf({ code, message, details, decision }: Refusal): Problem {
  const { status, title, detail = message, retryAfter } = meanings[code];
  const { faults, changeId, receipt, awsCode, allow, quota } = details;
  const seconds = details.retryAfter ?? retryAfter;
  return {
    code,
    status,
    headers: {
      ...(seconds !== undefined && { "Retry-After": String(Math.max(1, Math.ceil(seconds))) }),
      ...(changeId !== undefined && { Location: statusChangeUrl(changeId) }),
      ...(allow !== undefined && { Allow: allow }),
      ...(quota !== undefined && { RateLimit: rateLimit(quota), "RateLimit-Policy": rateLimitPolicy(quota) }),
    },
    problem: {
      type: `urn:lockkeeper:problem:${code}`,
      title,
      status,
      detail,
      ...(faults !== undefined && { errors: faults.map(faultForCaller) }),
      ...(decision !== undefined && { decision: decisionResource(decision) }),
      ...(changeId !== undefined && { statusChange: changeId }),
      ...(awsCode !== undefined && { awsCode }),
    },
    ...(receipt !== undefined && { receipt }),
  };
}

/** Where a status change is found. */
export function statusChangeUrl(id: string): string {
  return `/v1/status-changes/${id}`;
}

/** A decision as the contract has it. */
export function decisionResource(decision: NonNullable<Refusal["decision"]>): components["schemas"]["Decision"] {
  const { id, allow, reasons, revision } = decision;
  return { id, allow, reasons: reasons.map(({ code, message }) => ({ code, message })), revision };
}

/** A receipt as the contract has it. */
export function receiptResource(receipt: NonNullable<ErrorDetails["receipt"]>): components["schemas"]["Receipt"] {
  const { index, leafHash, proof } = receipt;
  if (proof === undefined) return { index, leafHash };
  return { index, leafHash, proof: proof === null ? null : proofText(proof) };
}

/**
 * A receipt with its proof as ASCII JSON. A denial is mostly that, and one character beyond Latin-1 in it would make V8
 * escape and copy all of it at two bytes each: the checkpoint, which has one, is escaped on its own.
 */
function receiptJson(receipt: NonNullable<ErrorDetails["receipt"]>): string {
  const { index, leafHash, proof } = receipt;
  if (proof === undefined || proof === null) return JSON.stringify(receiptResource(receipt));
  const lines = JSON.stringify(proof.lines).slice(0, -1);
  return `{"index":${index},"leafHash":"${leafHash}","proof":${lines}${asciiJson(proof.checkpoint).slice(1)}}`;
}

/** The text as JSON (RFC 8259, 7) in ASCII, and as a string of one byte a character. */
function asciiJson(text: string): string {
  const escaped = JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  // What comes out of `replace` is as wide as what went in.
  return Buffer.from(escaped, "latin1").toString("latin1");
}

function faultForCaller({ at, message }: Fault): NonNullable<ProblemBody["errors"]>[number] {
  if (at === "" || at.startsWith("/")) return { pointer: at, detail: message };
  const [place, name] = at.split(" ", 2);
  if (name !== undefined && (place === "path" || place === "query" || place === "header")) {
    return { in: place, name, detail: message };
  }
  return { detail: message };
}

/** A problem as JSON. */
export function problemText({ problem, receipt }: Problem, requestId: string): string {
  const text = JSON.stringify({ ...problem, requestId } satisfies ProblemBody);
  return receipt === undefined ? text : `${text.slice(0, -1)},"receipt":${receiptJson(receipt)}}`;
}

/**
 * Sends a problem as the reply. Not by Express, which would add a `charset`, which JSON has none of; as a string, which
 * Node writes to the socket in one piece with the headers.
 */
export function sendProblem(response: ServerResponse, problem: Problem, requestId: string): void {
  const body = problemText(problem, requestId);
  response.statusCode = problem.status;
  for (const name in problem.headers) response.setHeader(name, problem.headers[name] ?? "");
  response.setHeader("Content-Type", "application/problem+json");
  const length = Buffer.byteLength(body);
  response.setHeader("Content-Length", length);
  // ASCII is written as it is in memory.
  response.end(body, length === body.length ? "latin1" : "utf8");
}
