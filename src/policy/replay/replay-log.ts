import type { LogEntry, LogReader } from "../../audit/log-reader.ts";
import { type Outline, outlineOf } from "../../audit/verify/outline.ts";
import { principalKey } from "../../authn/principal.ts";
import { sameUserName } from "../../changes/credential.ts";
import type { Ruling } from "../decision.ts";
import { decideOnKnownFacts } from "../known-facts.ts";
import { OWN_USER_CODE, ownUserDenial, touchesOwnUser } from "../own-user.ts";
import { PolicyDecisionPoint, type PolicyFault } from "../pdp.ts";
import { codesOf, type Direction, Flips } from "./flips.ts";
import { type PastDecision, pastDecisionIn } from "./past-decision.ts";
import type { Replay, ReplayFault, ReplayOptions } from "./replay.ts";

/**
 * Puts every decision of a log before a candidate, as a gateway would, and tells those that would come out another way.
 * Each is evaluated, though an input may be there twice but for its time and request id: policy may look at both.
 * Memory grows with the flips, not with the log. The log is not verified.
 * @throws LockkeeperError `policy-unavailable` or `configuration` for a candidate that no gateway would activate;
 *   `audit-unreadable`
 */
export async function replayLog(reader: LogReader, options: ReplayOptions): Promise<Replay> {
  const run = new Run(options);
  const size = await reader.size();
  for await (const entries of reader.records(options.from ?? 0, size)) {
    for (const entry of entries) run.take(entry);
    options.onProgress?.((entries.at(-1)?.index ?? -1) + 1, size);
  }
  return run.result();
}

/** What takes too long this often in a row does so by the policy's fault; once, it may be the machine's. */
const SLOW_TRIES = 3;

class Run {
  readonly #options: ReplayOptions;
  readonly #pdp: PolicyDecisionPoint;
  readonly #flips = new Flips();
  readonly #faults = new Map<PolicyFault["code"], ReplayFault>();
  /** Of the decision that is being made. */
  readonly #raised = new Map<PolicyFault["code"], PolicyFault>();
  readonly #flipped: Record<Direction, number> = { "deny-to-allow": 0, "allow-to-deny": 0 };
  /** Of the record that is being judged. */
  #index = 0;
  #judged = 0;
  #first = Number.POSITIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;
  #otherReasons = 0;
  readonly #factsUnknown: Record<Direction, number> = { "deny-to-allow": 0, "allow-to-deny": 0 };
  readonly #guarded = new Set<number>();
  #pruned = 0;
  #unreadable = 0;
  #firstUnreadable: number | undefined;

  constructor(options: ReplayOptions) {
    this.#options = options;
    const { now } = options;
    this.#pdp = new PolicyDecisionPoint({
      onFault: (fault) => this.#raised.set(fault.code, fault),
      ...(now && { now }),
    });
    this.#pdp.activate(options.bundle, options.data);
  }

  take({ index, body, columns }: LogEntry): void {
    if (body === null) {
      // Only a database still knows when that was.
      if (columns === undefined || this.#isInTime(columns.time)) this.#pruned += 1;
      return;
    }
    const outline = outlineOf(body);
    if (outline !== undefined && !this.#isInTime(outline.time)) return;
    const past = pastDecisionIn(body);
    if (outline === undefined || past === "unreadable") {
      this.#unreadable += 1;
      this.#firstUnreadable ??= index;
    } else if (past !== undefined && this.#isWanted(past)) {
      this.#judge(index, outline, past);
    }
  }

  result(): Replay {
    const { revision, wasmDigest } = this.#options.bundle;
    const judged = this.#judged;
    return {
      candidate: { revision, wasmDigest },
      judged,
      first: judged === 0 ? undefined : this.#first,
      last: judged === 0 ? undefined : this.#last,
      flips: { ...this.#flipped },
      otherReasons: this.#otherReasons,
      factsUnknown: { ...this.#factsUnknown },
      guarded: this.#guarded.size,
      pruned: this.#pruned,
      unreadable: this.#unreadable,
      firstUnreadable: this.#firstUnreadable,
      faults: [...this.#faults.values()].sort((one, other) => (one.code < other.code ? -1 : 1)),
      groups: this.#flips.groups,
    };
  }

  #judge(index: number, { time, code: event, correlation }: Outline, past: PastDecision): void {
    this.#index = index;
    const ruling = this.#rule(past);
    const direction = past.allow ? "allow-to-deny" : "deny-to-allow";
    if (ruling === undefined) {
      this.#factsUnknown[direction] += 1;
      return;
    }
    this.#judged += 1;
    this.#first = Math.min(this.#first, time);
    this.#last = Math.max(this.#last, time);
    if (ruling.allow !== past.allow) {
      this.#flipped[direction] += 1;
      this.#flips.add({ index, event, correlation, time }, past, ruling);
    } else if (!sameCodes(past, ruling)) {
      this.#otherReasons += 1;
    }
  }

  /** What takes too long is tried again; what goes wrong counts once for each decision. */
  #rule(past: PastDecision): Ruling | undefined {
    for (let tries = 1; ; tries += 1) {
      this.#raised.clear();
      const ruling = this.#decide(past);
      if (tries < SLOW_TRIES && this.#raised.has("policy-slow")) continue;
      for (const fault of this.#raised.values()) this.#failed(fault);
      return ruling;
    }
  }

  /** As the PEP does: what policy says, but for the gateway's own user, about whom nothing is looked up. */
  #decide(past: PastDecision): Ruling | undefined {
    const { ownUserNames = [], ownUserAsRecorded = true } = this.#options;
    const own = touchesOwnUser(ownUserNames, past.input) || (ownUserAsRecorded && saysOwnUser(past));
    if (!own) return decideOnKnownFacts(this.#pdp, past.input);
    const ruling = this.#pdp.decide(past.input);
    // What asks for facts would have been allowed, if they had been to its liking.
    if (ruling.allow || ruling.needs.length > 0) this.#guarded.add(this.#index);
    return ownUserDenial(ruling);
  }

  #isInTime(time: number): boolean {
    const { since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = this.#options.filter ?? {};
    return time >= since && time < until;
  }

  #isWanted({ input: { principal, credential } }: PastDecision): boolean {
    const { userName, principal: asked } = this.#options.filter ?? {};
    if (asked !== undefined && asked !== principal.id && asked !== principalKey(principal)) return false;
    if (userName === undefined) return true;
    return credential?.userName !== undefined && sameUserName(credential.userName, userName);
  }

  #failed({ code, cause }: PolicyFault): void {
    const { count, ...known } = this.#faults.get(code) ?? {
      code,
      count: 0,
      index: this.#index,
      message: cause.message,
    };
    this.#faults.set(code, { ...known, count: count + 1 });
  }
}

function saysOwnUser({ allow, reasons, input }: PastDecision): boolean {
  return !allow && input.action.startsWith("iam:Update") && reasons.some(({ code }) => code === OWN_USER_CODE);
}

function sameCodes({ reasons }: PastDecision, ruling: Ruling): boolean {
  return codesOf(reasons).join() === codesOf(ruling.reasons).join();
}
