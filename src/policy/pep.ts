import { randomUUIDv7 } from "node:crypto";
import type { Journal, ProvenReceipt, Receipt } from "../audit/journal.ts";
import { type AuditRead, auditReadRecord, readDenialRecord } from "../audit/read-record.ts";
import { denialRecord, whatIfRecord } from "../audit/record.ts";
import { principalKey } from "../authn/principal.ts";
import type { Change } from "../changes/change.ts";
import type { UserLock, UserLocks } from "../changes/user-locks.ts";
import type { Clock } from "../clock.ts";
import type { Decision, Ruling } from "./decision.ts";
import { type ExplainableRuling, type Explanation, explainRuling } from "./explain.ts";
import { changeInput, type PolicyInput, type PolicyTime, type ReadRequest, readInput } from "./input.ts";
import { guardOwnUser } from "./own-user.ts";
import type { Pip } from "./pip.ts";

/** What the PEP needs of the PDP: an answer to every input. It never throws; whatever goes wrong in there denies. */
export interface Pdp {
  decide(input: PolicyInput): Ruling;
  /** What there is to say of such an answer, right after it; without it, the answer is all that is known. */
  explain?(input: PolicyInput, ruling: ExplainableRuling): Explanation;
}

export interface PepOptions {
  readonly pdp: Pdp;
  /** Looks up what policy needs to know before it decides. */
  readonly pip: Pip;
  /** Taken by changes that are judged by the user's other credentials. */
  readonly userLocks: Pick<UserLocks, "take">;
  readonly journal: Pick<Journal, "deny" | "note">;
  readonly clock: Clock;
  readonly time: (epochMs: number) => PolicyTime;
  /** The IAM users whose credentials the gateway itself uses, where they are users: nobody changes those. */
  readonly ownUserNames: readonly string[];
  /** Milliseconds for which an allow is good, and by which the change must have been sent. */
  readonly validForMs: number;
  /** Told of each decision, to count it; must not throw. */
  readonly onDecision?: (asked: Asked, decision: Decision, channel: string) => void;
}

/** What a decision is about: a change, a look at something, or only what policy would say of a change. */
export type Asked = "change" | "read" | "what-if";

/**
 * A change that policy has allowed. Only {@link authorizeChange} can make one: the class is not exported, and its
 * private field keeps anything that merely looks like it from passing the compiler.
 */
class AllowedChange {
  #unused = true;
  readonly #lock: UserLock | undefined;
  readonly change: Change;
  readonly decision: Decision;
  readonly input: PolicyInput;
  /** Epoch milliseconds after which it must not be sent. */
  readonly notAfter: number;

  constructor(change: Change, decision: Decision, input: PolicyInput, notAfter: number, lock: UserLock | undefined) {
    this.#lock = lock;
    this.change = change;
    this.decision = decision;
    this.input = input;
    this.notAfter = notAfter;
    Object.freeze(this);
  }

  /** Uses it up. Throws when that has happened before: one decision, one change. */
  take(): void {
    if (!this.#unused) throw new Error("an authorized change was used twice");
    this.#unused = false;
  }

  /** Lets changes in that wait for the end of this one. Left undone, they wait until it could not be sent any more. */
  release(): void {
    this.#lock?.release();
  }
}

export type AuthorizedChange = AllowedChange;

export type ChangeAuthorization =
  | { readonly allowed: true; readonly decision: Decision; readonly change: AuthorizedChange }
  | { readonly allowed: false; readonly decision: Decision; readonly receipt: ProvenReceipt };

export type ReadAuthorization =
  | { readonly allowed: true; readonly decision: Decision; readonly input: PolicyInput }
  | { readonly allowed: false; readonly decision: Decision; readonly receipt: Receipt };

/**
 * Asks policy whether this principal may make this change now. A denial is durable when this returns. When policy wants
 * to know of the user's other credentials, no other change of the user that depends on them is judged or made before
 * the end of this one.
 * @throws LockkeeperError `audit-unavailable` when a denial cannot be recorded, `change-in-flight` when another change
 *   of the user takes too long
 */
export async function authorizeChange(pep: PepOptions, change: Change): Promise<ChangeAuthorization> {
  const asked = changeInput(change, pep.time);
  const first = rule(pep, asked);
  const lock = first.needs.includes("siblings") ? await pep.userLocks.take(change) : undefined;
  try {
    const { decision, input } = await decided(pep, asked, first, "change");
    if (decision.allow) {
      const notAfter = Math.min(pep.clock.now() + pep.validForMs, lock?.until ?? Number.POSITIVE_INFINITY);
      const allowed = new AllowedChange(change, decision, input, notAfter, lock);
      return { allowed: true, decision, change: allowed };
    }
    const denial = await denied(pep, change, decision, input);
    lock?.release();
    return denial;
  } catch (error) {
    lock?.release();
    throw error;
  }
}

async function denied(
  pep: PepOptions,
  change: Change,
  decision: Decision,
  input: PolicyInput,
): Promise<ChangeAuthorization> {
  const { type, id, userName, account } = change.credential;
  const receipt = await pep.journal.deny({
    record: denialRecord(change, decision, input),
    change: {
      id: change.id,
      principal: principalKey(change.principal),
      account,
      type,
      credentialId: id,
      userName,
      status: change.status,
      requestedAt: change.context.receivedAt,
    },
  });
  return { allowed: false, decision, receipt };
}

/**
 * Asks policy whether this principal may look at something. A denial is durable when this returns.
 * @throws LockkeeperError `audit-unavailable` when a denial cannot be recorded
 */
export async function authorizeRead(pep: PepOptions, read: ReadRequest): Promise<ReadAuthorization> {
  const asked = readInput(read, pep.time);
  const { decision, input } = await decided(pep, asked, rule(pep, asked), "read");
  if (decision.allow) return { allowed: true, decision, input };
  const receipt = await pep.journal.note(readDenialRecord(read, decision, input));
  return { allowed: false, decision, receipt };
}

/**
 * Asks policy whether this principal may read the audit log. Allowed or denied, that it asked is durable when this
 * returns: before anything of the log is shown.
 * @param what it wants of the log
 * @throws LockkeeperError `audit-unavailable` when that cannot be recorded
 */
export async function authorizeAuditRead(
  pep: PepOptions,
  { principal, context }: Pick<ReadRequest, "principal" | "context">,
  what: AuditRead,
): Promise<ReadAuthorization> {
  const authorization = await authorizeRead(pep, { action: "lockkeeper:ReadAudit", principal, context });
  if (authorization.allowed) {
    const { decision, input } = authorization;
    await pep.journal.note(auditReadRecord(principal, context, what, decision, input));
  }
  return authorization;
}

/** What policy would say of a change, why, and what it has seen. */
export interface ExplainedChange extends Decided {
  readonly explanation: Explanation;
}

/**
 * What policy would say of this change. Changes nothing; that it was asked is a record.
 * @throws LockkeeperError `audit-unavailable`
 */
export async function explainChange(pep: PepOptions, change: Change): Promise<ExplainedChange> {
  const asked = changeInput(change, pep.time);
  const { decision, input } = await decided(pep, asked, rule(pep, asked), "what-if");
  // Before anything else is waited for: other policies might decide by then.
  const explanation = explainRuling(pep, input, decision);
  await pep.journal.note(whatIfRecord(change, decision, input));
  return { decision, input, explanation };
}

/** A decision, and what it was made on: with the facts, where policy wanted to know any. */
export interface Decided {
  readonly decision: Decision;
  readonly input: PolicyInput;
}

/** Policy's answer, but for the gateway's own user: about that one nothing is asked and nothing is looked up. */
function rule({ pdp, ownUserNames }: PepOptions, input: PolicyInput): Ruling {
  return guardOwnUser(ownUserNames, input, pdp.decide(input));
}

/** Looks up what policy wants to know, once, and asks it again. */
async function decided(pep: PepOptions, asked: PolicyInput, first: Ruling, about: Asked): Promise<Decided> {
  const input =
    first.needs.length === 0 ? asked : { ...asked, facts: await pep.pip.lookUp(first.needs, asked.credential) };
  const { needs: _, ...final } = input === asked ? first : rule(pep, input);
  const decision = Object.freeze({ id: randomUUIDv7(), ...final });
  pep.onDecision?.(about, decision, input.context.channel);
  return { decision, input };
}
