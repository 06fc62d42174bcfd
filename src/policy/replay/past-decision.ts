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

/** A record that holds an input has this somewhere: what has not is not parsed. */
const INPUT_MEMBER = '"input":';

/**
 * The decision in a record: that of a denial, an intent, a what-if, a denied look-up, a read of the log.
 * @param body the record's bytes, which may have been tampered with
 * @returns undefined of a record of anything else; `unreadable` of one that holds no whole decision, or none that could
 *   be judged again
 */
export function pastDecisionIn(body: Buffer): PastDecision | "unreadable" | undefined {
  if (!body.includes(INPUT_MEMBER)) return undefined;
  const unmapped = object(parsed(body))?.["unmapped"];
  const { decision, input } = object(unmapped) ?? {};
  if (decision === undefined && input === undefined) return unmapped === undefined ? "unreadable" : undefined;
  const { id, allow, reasons } = object(decision) ?? {};
  if (typeof id !== "string" || typeof allow !== "boolean" || !isReasons(reasons) || !isInput(input)) {
    return "unreadable";
  }
  return { id, allow, reasons, input };
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
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
function isInput(value: unknown): value is PolicyInput {
  const { principal, action, credential = {}, change = {} } = object(value) ?? {};
  const { issuer, id } = object(principal) ?? {};
  if (typeof issuer !== "string" || typeof id !== "string" || typeof action !== "string") return false;
  return areTexts(credential, ["type", "id", "userName"]) && areTexts(change, ["status"]);
}

function areTexts(value: unknown, names: readonly string[]): boolean {
  const members = object(value);
  return members !== undefined && names.every((name) => ["string", "undefined"].includes(typeof members[name]));
}
