import { object } from "../../audit/verify/outline.ts";
import type { Reason } from "../decision.ts";
import type { PolicyInput } from "../input.ts";

/** A decision as its record keeps it. */
export interface PastDecision {
  /** UUIDv7 of the decision. */
  readonly id: string;
  readonly allow: boolean;
  readonly reasons: readonly Reason[];
  /** Exactly what policy saw. */
  readonly input: PolicyInput;
}

/**
 * The decision in a record: that of a denial, an intent, a what-if, a denied look-up, a read of the log.
 * @param body the record's bytes, which may have been tampered with
 * @returns undefined of a record of anything else; `unreadable` of one that holds no whole decision, or none that could
 *   be judged again
 */
export function pastDecisionIn(body: Buffer): PastDecision | "unreadable" | undefined {
  const unmapped = unmappedIn(body);
  if (unmapped === undefined) return "unreadable";
  const { decision, input } = unmapped;
  if (decision === undefined && input === undefined) return undefined;
  const { id, allow, reasons } = object(decision) ?? {};
  if (typeof id !== "string" || typeof allow !== "boolean" || !isReasons(reasons) || !isPolicyInput(input)) {
    return "unreadable";
  }
  return { id, allow, reasons, input };
}

const UNMAPPED = ',"unmapped":';

/**
 * A record's last member, which is where `ocsf.ts` writes it; what comes before it need not be parsed. In JSON a quote
 * within a string has a backslash before it, so that this is a member's name wherever it stands; and as the text behind
 * it is a whole object but for the record's own brace, it is the record's member.
 */
function unmappedIn(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  const at = body.lastIndexOf(UNMAPPED);
  const last = at === -1 ? undefined : object(parsed(body.toString("utf8", at + UNMAPPED.length, body.length - 1)));
  return last ?? object(object(parsed(body.toString("utf8")))?.["unmapped"]);
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function isReasons(value: unknown): value is readonly Reason[] {
  return Array.isArray(value) && value.every(isReason);
}

function isReason(value: unknown): value is Reason {
  const { code, message } = object(value) ?? {};
  return typeof code === "string" && typeof message === "string";
}

/** What is read of an input outside of policy; the rest of it only policy looks at, and that takes anything. */
export function isPolicyInput(value: unknown): value is PolicyInput {
  const { principal, action, credential = {}, change = {} } = object(value) ?? {};
  const { issuer, id } = object(principal) ?? {};
  if (typeof issuer !== "string" || typeof id !== "string" || typeof action !== "string") return false;
  return areTexts(credential, ["type", "id", "userName"]) && areTexts(change, ["status"]);
}

function areTexts(value: unknown, names: readonly string[]): boolean {
  const members = object(value);
  return members !== undefined && names.every((name) => ["string", "undefined"].includes(typeof members[name]));
}
