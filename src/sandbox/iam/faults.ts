import type { HttpAnswer, Refusal } from "../../aws/query-answer.ts";
import { refusal } from "../../aws/query-answer.ts";

/** How a call ends on the wire: an answer, one that breaks off in the middle, a reset connection, or silence. */
export type Ending = HttpAnswer | { readonly cutOff: HttpAnswer } | "reset" | "silence";

/** What a fault does to a call. None of it: the call is carried out and answered. */
export interface Behaviour {
  /** The call is not carried out; this is its answer. */
  readonly instead?: Refusal;
  /** The call is carried out, and answered with this. */
  readonly afterwards?: Refusal;
  /** What becomes of the answer on its way back. */
  readonly distort?: (answer: HttpAnswer) => Ending;
}

const serverError = refusal(500, "ServiceFailure", "The request processing has failed because of an unknown error.");
const html = "<!doctype html><html><body><h1>Welcome to this network</h1></body></html>";

const behaviours = {
  /** Only slow; see {@link Fault.ms}. */
  latency: {},
  throttle: { instead: refusal(400, "Throttling", "Rate exceeded") },
  "access-denied": { instead: refusal(403, "AccessDenied", "The stand-in was told to refuse this.") },
  "server-error": { instead: serverError },
  "server-error-after": { afterwards: serverError },
  "reset-before": { instead: serverError, distort: () => "reset" },
  "reset-after": { distort: () => "reset" },
  /** Never carried out, never answered. */
  hang: { instead: serverError, distort: () => "silence" },
  /** Carried out, never answered. */
  lost: { distort: () => "silence" },
  "empty-200": { distort: (answer) => ({ ...answer, body: "" }) },
  "html-200": {
    distort: (answer) => ({ ...answer, headers: { ...answer.headers, "content-type": "text/html" }, body: html }),
  },
  "no-content": { distort: (answer) => ({ ...answer, status: 204, body: "" }) },
  accepted: { distort: (answer) => ({ ...answer, status: 202 }) },
  "truncated-xml": { distort: (answer) => ({ ...answer, body: half(answer.body) }) },
  "no-request-id": {
    distort: ({ status, body }) => ({
      status,
      headers: { "content-type": "text/xml" },
      body: body.replace(/<RequestId>.*<\/RequestId>/, ""),
    }),
  },
  /** The connection ends in the middle of the body. */
  "cut-off": { distort: (answer) => ({ cutOff: answer }) },
} satisfies Record<string, Behaviour>;

export type FaultKind = keyof typeof behaviours;

export const faultKinds = Object.keys(behaviours) as readonly FaultKind[];

export interface Fault {
  readonly kind: FaultKind;
  /** On the wire: `UpdateAccessKey`; with `*` at the end, all that begin so; absent, any. */
  readonly action?: string | undefined;
  /** How many calls it strikes; absent, one. */
  readonly times?: number | "always" | undefined;
  /** Milliseconds to wait before anything else is done; absent, none. */
  readonly ms?: number | undefined;
  /** HTTP status of the refusal or the error, in place of the usual. */
  readonly httpStatus?: number | undefined;
  /** AWS error code of the same. */
  readonly code?: string | undefined;
}

/** What this fault does. */
export function behaviourOf(fault: Fault): Behaviour {
  const { instead, afterwards, distort }: Behaviour = behaviours[fault.kind];
  return {
    ...(instead && { instead: adapted(instead, fault) }),
    ...(afterwards && { afterwards: adapted(afterwards, fault) }),
    ...(distort && { distort }),
  };
}

/** Faults waiting to strike, oldest first; a call meets at most one. */
export class Faults {
  #waiting: { readonly fault: Fault; left: number }[] = [];

  /** Injects a fault into the next call, or calls, that it fits. */
  next(fault: Fault): void {
    this.#waiting.push({ fault, left: fault.times === "always" ? Number.POSITIVE_INFINITY : (fault.times ?? 1) });
  }

  waiting(): readonly Fault[] {
    return this.#waiting.map(({ fault, left }) => ({ ...fault, times: Number.isFinite(left) ? left : "always" }));
  }

  clear(): void {
    this.#waiting = [];
  }

  /** The fault that strikes this call, if one does. It counts as having struck. */
  take(action: string): Fault | undefined {
    if (this.#waiting.length === 0) return undefined;
    const index = this.#waiting.findIndex(({ fault }) => fits(fault.action, action));
    const found = this.#waiting[index];
    if (found === undefined) return undefined;
    found.left -= 1;
    if (found.left <= 0) this.#waiting.splice(index, 1);
    return found.fault;
  }
}

function fits(pattern: string | undefined, action: string): boolean {
  if (pattern === undefined) return true;
  return pattern.endsWith("*") ? action.startsWith(pattern.slice(0, -1)) : action === pattern;
}

function adapted({ status, code, message }: Refusal, fault: Fault): Refusal {
  return refusal(fault.httpStatus ?? status, fault.code ?? code, message);
}

function half(text: string): string {
  return text.slice(0, Math.floor(text.length / 2));
}
