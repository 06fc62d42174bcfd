import type { components } from "../http/openapi.ts";

type Schemas = components["schemas"];
type ProblemBody = Schemas["Problem"];

/** What an answer does not say in its body. */
export interface ProblemContext {
  /** Seconds, from `Retry-After`. */
  readonly retryAfter?: number | undefined;
  /** From `Idempotency-Replayed`: it tells of the very change that this key was sent with before. */
  readonly replayed?: boolean;
  /** Whether an answer to an earlier try with the same key was lost. */
  readonly lostBefore?: boolean;
  readonly idempotencyKey?: string | undefined;
  /** What was asked about a change whose outcome this answer did not tell. */
  readonly change?: Schemas["StatusChange"] | undefined;
}

/**
 * Lockkeeper's own answer when it did not do what it was asked, or does not know whether it is done: RFC 9457 problem
 * details as an error. The message is `detail`, a sentence for people; act on `code`.
 */
export class LockkeeperProblem extends Error {
  override readonly name = "LockkeeperProblem";
  /** `urn:lockkeeper:problem:denied`, … */
  readonly type: string;
  /** The last part of `type`: `denied`, `change-in-flight`, `outcome-unknown`, … */
  readonly code: string;
  readonly title: string;
  /** Of HTTP. */
  readonly status: number;
  readonly detail: string;
  /** For whoever runs the gateway: its log has the request under this id. */
  readonly requestId: string;
  /** Each fault of a malformed request. */
  readonly errors: NonNullable<ProblemBody["errors"]>;
  readonly decision: Schemas["Decision"] | undefined;
  /** Why policy did not allow it; empty when that was not the reason. */
  readonly reasons: readonly Schemas["Reason"][];
  readonly receipt: Schemas["Receipt"] | undefined;
  /** The change that this is about, or the one that stands in its way. */
  readonly changeId: string | undefined;
  /** IAM's own error code. */
  readonly awsCode: string | undefined;
  /** Seconds until it makes sense to ask again. */
  readonly retryAfter: number | undefined;
  readonly replayed: boolean;
  /** The Idempotency-Key of the change that was asked for: to ask again for the same change, send it again. */
  readonly idempotencyKey: string | undefined;
  /** What was found out about a change whose outcome was not known, as it was last seen. */
  readonly change: Schemas["StatusChange"] | undefined;
  /** Whether it is certain that what was asked for has changed nothing at IAM. When false, nobody knows yet. */
  readonly nothingChanged: boolean;

  readonly #body: ProblemBody;
  readonly #context: ProblemContext;

  constructor(body: ProblemBody, context: ProblemContext = {}) {
    super(body.detail);
    this.#body = body;
    this.#context = context;
    this.type = body.type;
    this.code = body.type.slice(body.type.lastIndexOf(":") + 1);
    this.title = body.title;
    this.status = body.status;
    this.detail = body.detail;
    this.requestId = body.requestId;
    this.errors = body.errors ?? [];
    this.decision = body.decision;
    this.reasons = body.decision?.reasons ?? [];
    this.receipt = context.change?.receipt ?? body.receipt;
    this.changeId = body.statusChange;
    this.awsCode = body.awsCode;
    this.retryAfter = context.retryAfter;
    this.replayed = context.replayed ?? false;
    this.idempotencyKey = context.idempotencyKey;
    this.change = context.change;
    this.nothingChanged = isWithoutEffect(body.status, this.replayed, context);
  }

  /** The problem document as it came. */
  toJSON(): object {
    return this.#body;
  }

  /** The same, with what was found out about its change since. */
  about(change: Schemas["StatusChange"] | undefined): LockkeeperProblem {
    return new LockkeeperProblem(this.#body, { ...this.#context, change });
  }
}

/**
 * No answer of Lockkeeper's came: the network failed, it took too long, or something in between answered in its place.
 * When `nothingChanged` is false, a change that was asked for may have been made: ask again with `idempotencyKey`, which
 * returns that change and never makes it twice.
 */
export class LockkeeperUnanswered extends Error {
  override readonly name = "LockkeeperUnanswered";
  readonly idempotencyKey: string | undefined;
  readonly nothingChanged: boolean;

  constructor(
    message: string,
    {
      idempotencyKey,
      nothingChanged,
      cause,
    }: { idempotencyKey?: string | undefined; nothingChanged: boolean } & ErrorOptions,
  ) {
    super(message, { cause });
    this.idempotencyKey = idempotencyKey;
    this.nothingChanged = nothingChanged;
  }
}

/** 500: a fault that may have struck at any point. 504: IAM may have done it. */
const openStatuses: ReadonlySet<number> = new Set([500, 504]);

function isWithoutEffect(status: number, replayed: boolean, { lostBefore, change }: ProblemContext): boolean {
  if (change !== undefined) return change.outcome === "failed" || change.outcome === "denied";
  // Of a replay it is the change itself that is told; 409 says that it is still at IAM.
  if (replayed) return !openStatuses.has(status) && status !== 409;
  return lostBefore !== true && !openStatuses.has(status);
}

/** The problem in an answer; undefined when it is not one of Lockkeeper's. */
export function problemIn(body: unknown): ProblemBody | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const { type, title, status, detail, requestId } = body as Partial<Record<keyof ProblemBody, unknown>>;
  if (typeof type !== "string" || !type.startsWith("urn:lockkeeper:problem:")) return undefined;
  if (![title, detail, requestId].every((text) => typeof text === "string") || typeof status !== "number")
    return undefined;
  return body as ProblemBody;
}
