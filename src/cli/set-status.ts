import {
  type LockkeeperClient,
  LockkeeperProblem,
  type StatusChange,
  type StatusChangeRequest,
} from "../client/client.ts";
import { asCaller, type CallerArguments, type CallerOptions, type ExitCode, exitCodes } from "./caller.ts";
import { foundOut } from "./caller-errors.ts";
import { explanationLines } from "./explanation-lines.ts";
import { printable } from "./printable.ts";

/** The options of `set-status` as they were typed; the gateway checks them. */
export interface SetStatusArguments extends CallerArguments {
  readonly type: StatusChangeRequest["credential"]["type"];
  readonly id: string;
  readonly status: StatusChangeRequest["status"];
  readonly userName?: string | undefined;
  readonly reason?: string | undefined;
  readonly ticket?: string | undefined;
  readonly onBehalfOf?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly dryRun?: boolean | undefined;
}

/** `lockkeeper set-status`: asks for a change, or with `--dry-run` whether it would be allowed. */
export function setStatus(options: CallerOptions, typed: SetStatusArguments): Promise<ExitCode> {
  const { type, id, status, userName, reason, ticket, onBehalfOf } = typed;
  const request: StatusChangeRequest = {
    credential: { type, id, ...(userName !== undefined && { userName }) },
    status,
    ...(reason !== undefined && { reason }),
    ...(ticket !== undefined && { ticket }),
    ...(onBehalfOf !== undefined && { onBehalfOf }),
  };
  return asCaller(options, typed, (client) =>
    typed.dryRun === true ? explain(options, typed, client, request) : change(options, typed, client, request),
  );
}

async function explain(
  { output }: CallerOptions,
  { json }: SetStatusArguments,
  client: LockkeeperClient,
  request: StatusChangeRequest,
): Promise<ExitCode> {
  const decision = await client.explain(request);
  if (json === true) output.print(JSON.stringify(decision, undefined, 2));
  else {
    output.print(decision.allow ? "It would be allowed:" : "It would be denied:");
    for (const line of explanationLines(decision)) output.print(line);
    output.note("Nothing was changed.");
  }
  return decision.allow ? exitCodes.done : exitCodes.refused;
}

async function change(
  { output }: CallerOptions,
  { json, idempotencyKey }: SetStatusArguments,
  client: LockkeeperClient,
  request: StatusChangeRequest,
): Promise<ExitCode> {
  const options = { settleMs: 0, ...(idempotencyKey !== undefined && { idempotencyKey }) };
  const made = await client.setStatus(request, options).catch(async (error: unknown) => {
    if (!(error instanceof LockkeeperProblem) || error.change === undefined || error.nothingChanged) throw error;
    if (error.change.outcome === "unknown" && error.change.readBack !== null) throw error;
    output.note(
      `Its outcome is not known yet. Waiting until change ${error.change.id} is read back (Ctrl-C ends only the wait).`,
    );
    const settled = await client.settled(error.change.id);
    if (settled.outcome === "applied" || settled.readBack?.result === "as-wanted") return settled;
    throw error.about(settled);
  });
  if (json === true) output.print(JSON.stringify(made, undefined, 2));
  else for (const line of changeLines(made)) output.print(line);
  for (const warning of made.warnings) output.note(printable(warning));
  return exitCodes.done;
}

/** A change as a person reads it. */
export function changeLines(change: StatusChange): string[] {
  const { credential, status, outcome, previousStatus, decision, id, receipt, principal, onBehalfOf, ticket } = change;
  const what = `${credential.type} ${credential.id} of ${credential.userName}`;
  const before =
    previousStatus === null ? "" : previousStatus === status ? ", as it was before" : `; it was ${previousStatus}`;
  const person = onBehalfOf === undefined ? "" : ` on behalf of ${onBehalfOf}`;
  const why = decision.reasons.map(({ message }) => message).join(" ");
  return [
    outcome === "applied" ? `${what} is ${status}${before}.` : `${what} to ${status}: ${outcome}.`,
    ...(outcome === "unknown" || outcome === "failed" || outcome === "pending" ? [`  ${foundOut(change)}`] : []),
    `  asked by  ${principal.kind} ${principal.id}${person}${ticket === undefined ? "" : `, ticket ${ticket.id}`}`,
    `  ${decision.allow ? "allowed" : "denied "}   ${why}`,
    `  change    ${id}`,
    `  receipt   record ${receipt.index} of the audit log`,
  ].map(printable);
}
