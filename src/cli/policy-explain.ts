import { readFileSync } from "node:fs";
import type { LogReader } from "../audit/log-reader.ts";
import { object, outlineOf } from "../audit/verify/outline.ts";
import { LockkeeperError } from "../errors.ts";
import { loadBundle } from "../policy/bundle.ts";
import { loadData } from "../policy/data.ts";
import type { Ruling } from "../policy/decision.ts";
import { explainRuling } from "../policy/explain.ts";
import type { PolicyInput } from "../policy/input.ts";
import { decideOnKnownFacts } from "../policy/known-facts.ts";
import { guardOwnUser } from "../policy/own-user.ts";
import { PolicyDecisionPoint } from "../policy/pdp.ts";
import { isPolicyInput, type PastDecision, pastDecisionIn } from "../policy/replay/past-decision.ts";
import { explanationLines } from "./explanation-lines.ts";
import type { Output } from "./keys.ts";
import { type LogSource, openLogSource } from "./log-source.ts";
import { printable } from "./printable.ts";

/** The options of `policy explain` as they were typed. */
export interface ExplainArguments extends LogSource {
  readonly bundle: string;
  readonly data: string;
  /** A JSON file: a policy input, or a record with one. */
  readonly input?: string | undefined;
  /** The id of a status change in the log. */
  readonly change?: string | undefined;
  /** The gateway's own IAM users. */
  readonly ownUser?: readonly string[] | undefined;
  readonly json?: boolean | undefined;
}

/**
 * `lockkeeper policy explain`: what these policies decide on an input, by which rules, and what would be needed. Asks no
 * gateway and records nothing.
 * @throws LockkeeperError with a sentence for the terminal
 */
export async function policyExplain(output: Output, typed: ExplainArguments): Promise<void> {
  const { bundle, data, ownUser = [], json } = typed;
  const found = await asked(typed);
  const pdp = new PolicyDecisionPoint({
    onFault: ({ code, cause }) => output.note(printable(`${code}: ${cause.message}`)),
  });
  pdp.activate(loadBundle(bundle), loadData(data));
  const { input } = found;
  const ruling = guardOwnUser(ownUser, input, decideOnKnownFacts(pdp, input) ?? undecided(pdp, input));
  const { allow, revision, needs } = ruling;
  const explanation = explainRuling({ pdp, ownUserNames: ownUser }, input, ruling);
  const { reasons } = explanation;
  const remedies = needs.length === 0 ? explanation.remedies : undefined;
  const { facts } = input;
  if (json === true) {
    const onRecord = found.past && { allow: found.past.allow, reasons: found.past.reasons };
    output.print(JSON.stringify({ allow, reasons, revision, needs, facts, remedies, onRecord }, undefined, 2));
    return;
  }
  output.print(printable(`${verdict(ruling)} by the policies ${revision}:`));
  for (const line of explanationLines({ allow, reasons, facts, remedies })) output.print(line);
  if (needs.length > 0) output.note(`It depends on facts that the input does not hold: ${needs.join(", ")}.`);
  else if (!allow && remedies === undefined) output.note("These policies do not tell what would be needed.");
  if (found.past !== undefined) output.print(printable(onRecordLine(found.past)));
}

/** What policies say that ask for more than the input holds: which facts these are. */
function undecided(pdp: PolicyDecisionPoint, { facts = {}, ...asked }: PolicyInput): Ruling {
  const ruling = pdp.decide(asked);
  return { ...ruling, needs: ruling.needs.filter((name) => facts[name] === undefined) };
}

interface Asked {
  readonly input: PolicyInput;
  /** How it was decided then, where it is out of a log. */
  readonly past?: PastDecision;
}

async function asked({ input, change, where, config }: ExplainArguments): Promise<Asked> {
  if ((input === undefined) === (change === undefined)) {
    throw malformed("Say what to explain: --input FILE, or --change ID of a log.");
  }
  if (input !== undefined) return askedIn(input);
  const reader = await openLogSource({ where, config });
  try {
    return await askedFor(reader, change ?? "");
  } finally {
    await reader.close();
  }
}

/** What a file asks: an input as policy sees it, a record of the log, or what `audit show` prints of one. */
function askedIn(file: string): Asked {
  const read = json(file);
  if (isPolicyInput(read)) return { input: read };
  const record = object(read)?.["record"] ?? read;
  const past = pastDecisionIn(Buffer.from(JSON.stringify(record)));
  if (past !== undefined && past !== "unreadable") return { input: past.input, past };
  throw malformed(
    `${file} holds no policy input: it takes at least principal (id, issuer) and action, as policies/schemas/input.json has them, or a record of a decision.`,
  );
}

/** The decision about a change, which is in the first record of it that has one. */
async function askedFor(reader: LogReader, change: string): Promise<Asked> {
  for await (const entries of reader.records(0, await reader.size())) {
    for (const { body } of entries) {
      if (body === null || outlineOf(body)?.correlation !== change) continue;
      const past = pastDecisionIn(body);
      if (past !== undefined && past !== "unreadable") return { input: past.input, past };
    }
  }
  throw new LockkeeperError("not-found", `${reader.name} holds no decision about that change, or it was pruned.`);
}

function json(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    // What the parser says quotes the file, and that may be another one than was meant.
    const why = cause instanceof SyntaxError || !(cause instanceof Error) ? "it is no JSON" : cause.message;
    throw new LockkeeperError("malformed-request", `Cannot read ${file}: ${why}`, {}, { cause });
  }
}

function verdict({ allow, needs = [] }: Pick<Ruling, "allow"> & Partial<Ruling>): "ALLOWED" | "DENIED" | "UNDECIDED" {
  if (needs.length > 0) return "UNDECIDED";
  return allow ? "ALLOWED" : "DENIED";
}

function onRecordLine({ allow, reasons }: PastDecision): string {
  return `On record: ${verdict({ allow })} (${reasons.map(({ code }) => code).join(", ")})`;
}

function malformed(message: string): LockkeeperError {
  return new LockkeeperError("malformed-request", message);
}
