import type { Clock } from "../clock.ts";
import { LockkeeperProblem, LockkeeperUnanswered, problemIn } from "./problem.ts";

/** How openapi-fetch tells of a reply. */
export interface Reply<Body> {
  readonly data?: Body;
  readonly error?: unknown;
  readonly response: Response;
}

interface Answer<Body> {
  readonly body: Body;
}

export interface SendOptions {
  readonly clock: Clock;
  /** For each try, to the end of its answer. */
  readonly timeoutMs: number;
  /** For all tries and the time between them. */
  readonly maxWaitMs: number;
  /** The value of `Authorization`, for each try. */
  readonly authorization: () => Promise<string>;
}

export interface Sending {
  readonly signal?: AbortSignal | undefined;
  /** Of a change: without one, what is sent changes nothing and may be sent again. */
  readonly idempotencyKey?: string | undefined;
}

/** What each try is sent with. */
export type Try = { readonly signal: AbortSignal; readonly headers: { readonly Authorization: string } };

type Fault = LockkeeperProblem | LockkeeperUnanswered;

/** Where nobody answered, how often it is tried in all, and the first wait. */
const MAX_TRIES = 3;
const FIRST_WAIT_MS = 250;

/** The connection was never made, so that nothing was sent. */
const notConnected: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/**
 * Sends a request until there is an answer to act on. It is sent again only where that is safe: after 429 and 503 when
 * `Retry-After` has passed, and when the answer is lost, which an Idempotency-Key makes safe for a change too.
 * @param ask sends it once
 * @throws LockkeeperProblem, LockkeeperUnanswered, and the signal's reason
 */
export async function send<Body>(
  ask: (attempt: Try) => Promise<Reply<Body>>,
  options: SendOptions,
  sending: Sending = {},
): Promise<Body> {
  const { clock, maxWaitMs, authorization } = options;
  const until = clock.now() + maxWaitMs;
  let lostBefore = false;
  for (let tries = 1; ; tries += 1) {
    const headers = { Authorization: await authorization() };
    const answer: Answer<Body> | Fault = await once(
      (signal) => ask({ signal, headers }),
      options.timeoutMs,
      sending,
      lostBefore,
    );
    if ("body" in answer) return answer.body;
    const waitMs = waitBefore(answer, tries);
    if (waitMs === undefined || clock.now() + waitMs > until) throw answer;
    lostBefore ||= answer instanceof LockkeeperUnanswered && !answer.nothingChanged;
    await clock.sleep(waitMs, sending.signal);
  }
}

/** Milliseconds until the same may be sent again; undefined when it may not. */
function waitBefore(fault: Fault, tries: number): number | undefined {
  if (fault instanceof LockkeeperUnanswered) return tries < MAX_TRIES ? FIRST_WAIT_MS * 2 ** (tries - 1) : undefined;
  const asked = fault.status === 429 || fault.status === 503 ? fault.retryAfter : undefined;
  return asked === undefined ? undefined : asked * 1_000;
}

async function once<Body>(
  ask: (signal: AbortSignal) => Promise<Reply<Body>>,
  timeoutMs: number,
  { signal, idempotencyKey }: Sending,
  lostBefore: boolean,
): Promise<Answer<Body> | Fault> {
  signal?.throwIfAborted();
  const limit = new AbortController();
  const abort = () => limit.abort(signal?.reason);
  signal?.addEventListener("abort", abort);
  const timer = setTimeout(() => limit.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  const harmless = idempotencyKey === undefined;
  try {
    const { data, error, response } = await ask(limit.signal);
    if (response.ok && data !== undefined) return { body: data };
    const problem = response.ok ? undefined : problemIn(error);
    if (problem === undefined) {
      const message = `HTTP ${response.status} came back, and it is no answer of Lockkeeper's: is there something in between?`;
      return new LockkeeperUnanswered(message, { idempotencyKey, nothingChanged: harmless });
    }
    const replayed = response.headers.get("Idempotency-Replayed") === "true";
    return new LockkeeperProblem(problem, { retryAfter: secondsIn(response), replayed, lostBefore, idempotencyKey });
  } catch (error) {
    signal?.throwIfAborted();
    const cause = limit.signal.aborted ? limit.signal.reason : error;
    const nothingChanged = harmless || (!lostBefore && notConnected.has(codeOf(cause)));
    const message = sentence(cause, limit.signal.aborted ? timeoutMs : undefined);
    return new LockkeeperUnanswered(message, { idempotencyKey, nothingChanged, cause });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** @param exceededMs the time that it was given, when that is what has ended it */
function sentence(cause: unknown, exceededMs: number | undefined): string {
  const code = codeOf(cause);
  if (notConnected.has(code)) return `Lockkeeper cannot be reached (${code}).`;
  if (cause instanceof SyntaxError) return "An answer came back that cannot be read.";
  if (exceededMs !== undefined) return `Lockkeeper's answer did not come within ${exceededMs} ms, or not whole.`;
  return `Lockkeeper's answer did not come (${code ?? plainReason(cause)}).`;
}

/** What fetch gives no code to, such as "unexpected redirect". Words alone: nothing of what was sent is repeated. */
function plainReason(error: unknown): string {
  let reason = error;
  while (reason instanceof Error && reason.cause instanceof Error) reason = reason.cause;
  return reason instanceof Error && /^[a-z ]{1,60}$/i.test(reason.message) ? reason.message : "no reason given";
}

/** fetch says only "fetch failed"; why is in its cause. */
function codeOf(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("code" in at && typeof at.code === "string") return at.code;
  }
  return undefined;
}

/** Lockkeeper sends `Retry-After` in seconds. */
function secondsIn(response: Response): number | undefined {
  const text = response.headers.get("Retry-After") ?? "";
  return /^[0-9]{1,6}$/.test(text) ? Number(text) : undefined;
}
