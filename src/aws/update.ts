import type { Journal } from "../audit/journal.ts";
import { principalKey } from "../authn/principal.ts";
import { type Applied, type ApplyOptions, applyChange } from "../changes/apply.ts";
import { buildChange } from "../changes/build.ts";
import type { Change } from "../changes/change.ts";
import { type CredentialType, credentialTypes, type Status } from "../changes/credential.ts";
import { type StatusChange, statusChangeOf } from "../changes/status-change.ts";
import type { Clock } from "../clock.ts";
import { LockkeeperError } from "../errors.ts";
import { type AuthorizedChange, authorizeChange, type PepOptions } from "../policy/pep.ts";
import type { AwsCall } from "./call.ts";
import { refusalOfChange } from "./errors.ts";
import { AwsRefusal } from "./refusal.ts";

export interface UpdateOptions {
  readonly pep: PepOptions;
  readonly apply: ApplyOptions;
  readonly journal: Pick<Journal, "recordsOf">;
  readonly clock: Clock;
  /** The AWS account, twelve digits. */
  readonly account: string;
}

/**
 * How long the signature of a change is remembered: it verifies for five minutes before and after its date, and clocks
 * of several instances differ.
 */
const REMEMBERED_MS = 15 * 60_000;

/**
 * The same change as through every other door: policy, a durable intent, IAM, a durable outcome. Resolves when the
 * credential has been seen to have the status that was asked for.
 * @throws AwsRefusal, LockkeeperError
 */
export async function update(options: UpdateOptions, type: CredentialType, call: AwsCall): Promise<void> {
  const change = changeOf(options, type, call);
  const authorization = await authorizeChange(options.pep, change);
  call.decided(change, authorization.decision);
  if (!authorization.allowed) {
    call.tellsOf(change.id);
    throw refused({ change, ...authorization, previousStatus: null });
  }
  const refusal = refusalOfChange(await applied(options, authorization.change, call));
  if (refusal !== undefined) throw refusal;
}

function changeOf({ account }: UpdateOptions, type: CredentialType, call: AwsCall): Change {
  const { parameters, principal, context, ticket } = call;
  const userName = parameters.get("UserName");
  const id = parameters.get(credentialTypes[type].id.parameter);
  const status = statusOf(parameters.get("Status"));
  if (id === undefined || status === undefined) throw new LockkeeperError("internal", "parameters were not checked");
  const credential = { type, id, ...(userName !== undefined && { userName }) };
  return buildChange({ credential, status, ...(ticket !== undefined && { ticket }) }, principal, context, account);
}

function statusOf(value: string | undefined): Status | undefined {
  return value === "Active" || value === "Inactive" ? value : undefined;
}

async function applied(options: UpdateOptions, authorized: AuthorizedChange, call: AwsCall): Promise<StatusChange> {
  const { digest, signedAt } = call.signature;
  const { id, principal } = authorized.change;
  let outcome: Applied;
  try {
    const signature = { digest, expiresAt: signedAt + REMEMBERED_MS };
    outcome = await applyChange(options.apply, authorized, { signature });
  } catch (error) {
    const lost = lostOutcome(error, id);
    if (lost.code === "outcome-unrecorded") call.tellsOf(id);
    throw lost;
  }
  call.tellsOf(outcome.kind === "settled" ? id : outcome.id);
  if (outcome.kind === "settled") return outcome.state;
  if (outcome.kind === "seen" && outcome.later) {
    // A client that signs the same request twice within a second signs the same bytes. Until its clock has moved on, it
    // could only send them again.
    await options.clock.sleep(Math.max(0, signedAt + 1_000 - options.clock.now()));
    throw new AwsRefusal(
      400,
      "Throttling",
      `This very request was made before (status change ${outcome.id}), and the credential was changed since. Sign it again.`,
    );
  }
  return earlier(options, outcome.id, principalKey(principal));
}

/** An error that nobody expects may have come after the update as well: a 500 would make the client send it again. */
function lostOutcome(error: unknown, changeId: string): LockkeeperError {
  if (error instanceof LockkeeperError && error.code !== "internal") return error;
  return new LockkeeperError("outcome-unrecorded", "unexpected", { changeId }, { cause: error });
}

/** What became of the change that this very request has made before. */
async function earlier({ journal, clock }: UpdateOptions, id: string, principal: string): Promise<StatusChange> {
  const state = statusChangeOf(await journal.recordsOf(id), clock.now());
  if (state === undefined || principalKey(state.change.principal) !== principal) {
    throw new LockkeeperError("internal", `a signature names ${id}, which is not this principal's`);
  }
  return state;
}

function refused(denied: Parameters<typeof refusalOfChange>[0]): AwsRefusal {
  const refusal = refusalOfChange(denied);
  if (refusal === undefined) throw new LockkeeperError("internal", "a denial that is none");
  return refusal;
}
