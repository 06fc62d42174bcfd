import type { UpdateAnswer } from "../changes/iam-answers.ts";
import { LockkeeperError } from "../errors.ts";

/** Callers may see what IAM wrote, but no more of it than this. */
const LONGEST_MESSAGE = 500;

/** Codes by which AWS services say "not now", whatever HTTP status they come with. None of them did anything. */
const throttlingCodes: ReadonlySet<string> = new Set([
  "BandwidthLimitExceeded",
  "PriorRequestNotComplete",
  "RequestLimitExceeded",
  "RequestThrottled",
  "RequestThrottledException",
  "SlowDown",
  "ThrottledException",
  "Throttling",
  "ThrottlingException",
  "TooManyRequestsException",
]);

/** An error that AWS itself wrote, as it stood on the wire. */
interface WireError {
  readonly code: string;
  readonly message: string;
  readonly httpStatus: number;
  readonly requestId?: string;
}

/**
 * What an update that did not succeed proves.
 * @param error what the SDK threw
 * @param sent whether a request was handed to the network
 */
export function failedUpdate(error: unknown, sent: boolean): UpdateAnswer {
  if (!sent || neverConnected(error)) {
    const message = "The request to IAM was not sent: there was no connection, or nothing to sign it with.";
    return { kind: "not-sent", code: codeOf(error), message };
  }
  const wire = wireError(error);
  if (wire !== undefined) {
    const retryable = throttlingCodes.has(wire.code);
    if (retryable || (wire.httpStatus >= 400 && wire.httpStatus < 500)) {
      const { requestId, ...rest } = wire;
      return { kind: "refused", ...rest, retryable, ...(requestId !== undefined && { awsRequestId: requestId }) };
    }
  }
  const message = "IAM's answer is lost or makes no sense: it may or may not have made the change.";
  return { kind: "unknown", code: wire?.code ?? codeOf(error), message };
}

/** What a failed look-up means. Its cause stays with it. */
export function failedRead(cause: unknown): LockkeeperError {
  if (cause instanceof LockkeeperError) return cause;
  const wire = wireError(cause);
  if (wire === undefined || wire.httpStatus >= 500 || throttlingCodes.has(wire.code)) {
    return new LockkeeperError(
      "iam-unavailable",
      "IAM cannot be asked at the moment. Nothing was changed; ask again.",
      { retryAfter: 1, ...(wire && { awsCode: wire.code }) },
      { cause },
    );
  }
  const code = wire.code === "NoSuchEntity" ? "iam-entity-not-found" : "iam-refused";
  return new LockkeeperError(code, wire.message, { awsCode: wire.code }, { cause });
}

/** The error code and the message as AWS sent them; undefined when AWS sent none. */
function wireError(error: unknown): WireError | undefined {
  if (!(error instanceof Error)) return undefined;
  // The SDK puts its own words into `name` (`NoSuchEntityException`, `NotFound` for any 404); this is the wire's.
  const { Error: sent, $metadata: metadata } = error as { Error?: unknown; $metadata?: unknown };
  const { Code: code, Message: message } = fields(sent);
  const { httpStatusCode: httpStatus, requestId } = fields(metadata);
  if (typeof code !== "string" || code === "" || typeof httpStatus !== "number") return undefined;
  return {
    code: printable(code).slice(0, 128),
    // A cut can go through the middle of a character.
    message: printable(typeof message === "string" ? message : code)
      .slice(0, LONGEST_MESSAGE)
      .toWellFormed(),
    httpStatus,
    ...(typeof requestId === "string" && { requestId }),
  };
}

/**
 * Whether this error can only have come up before there was a connection, which proves that nothing was sent. An error
 * code alone is no proof: EHOSTUNREACH and ETIMEDOUT also end connections that have carried a request.
 */
function neverConnected(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(neverConnected);
  const { syscall, name, message } = fields(error);
  if (syscall === "connect" || syscall === "getaddrinfo") return true;
  // The SDK's own connection timeout has neither a code nor a class.
  return name === "TimeoutError" && typeof message === "string" && message.includes("did not establish a connection");
}

function codeOf(error: unknown): string {
  const { code, name } = fields(error);
  return typeof code === "string" && code !== "" ? code : typeof name === "string" && name !== "" ? name : "Unknown";
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ").trim();
}
