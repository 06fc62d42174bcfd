import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { validationError } from "../../aws/constraints.ts";
import { queryAnswer, type Result, refusal } from "../../aws/query-answer.ts";
import type { Clock } from "../../clock.ts";
import { type Behaviour, behaviourOf, type Ending, type Fault, type Faults } from "./faults.ts";
import type { ReceivedUpdate, UpdateJournal } from "./journal.ts";
import { authenticate, parseQuery, type Query } from "./query.ts";
import { updates } from "./updates.ts";
import type { World } from "./world.ts";

/** The stand-in without its socket. */
export interface StandIn {
  readonly world: World;
  readonly faults: Faults;
  readonly journal: UpdateJournal;
  readonly clock: Clock;
  /**
   * When set: awaited for each update that has arrived, before it is applied, so that a test can look around. What it
   * throws becomes a 500, and the update is not applied.
   */
  beforeAnswer: ((update: ReceivedUpdate) => void | Promise<void>) | undefined;
}

/** One request in the Query protocol, and how it ends. */
export async function answerQuery(
  stand: StandIn,
  method: string,
  headers: IncomingHttpHeaders,
  body: string,
): Promise<Ending> {
  const requestId = randomUUID();
  const query = method === "POST" ? parseQuery(headers["content-type"], body) : postOnly;
  if ("code" in query) return queryAnswer("iam", "", query, requestId);
  const { name, action } = query;
  stand.journal.count(name);
  const update = updates.has(name) ? receivedUpdate(query, requestId, headers["user-agent"] ?? "") : undefined;

  const fault = stand.faults.take(name);
  if (fault?.ms !== undefined) await stand.clock.sleep(fault.ms);
  if (update !== undefined) await stand.beforeAnswer?.(update);

  const { instead, afterwards, distort }: Behaviour = fault === undefined ? {} : behaviourOf(fault);
  const result = instead ?? perform(stand, query, headers.authorization);
  if (update !== undefined) record(stand, update, result, fault);
  const answer = queryAnswer(action.service, name, afterwards ?? result, requestId);
  return distort?.(answer) ?? answer;
}

const postOnly = refusal(405, "MethodNotAllowed", "The stand-in takes POST only.");

/** In IAM's order: who signed, then the parameters, then the action itself. */
function perform({ world }: StandIn, { action, parameters }: Query, authorization: string | undefined): Result {
  const caller = authenticate(authorization, action.service, world);
  if ("code" in caller) return caller;
  return validationError(parameters, action.constraints) ?? action.perform({ parameters, caller, world });
}

function record({ journal, clock }: StandIn, update: ReceivedUpdate, result: Result, fault: Fault | undefined): void {
  const at = new Date(clock.now()).toISOString();
  const refused = "code" in result;
  journal.append({ ...update, at, applied: !refused, code: refused ? result.code : null, fault: fault?.kind ?? null });
}

function receivedUpdate({ name, parameters }: Query, requestId: string, userAgent: string): ReceivedUpdate {
  return {
    requestId,
    action: name,
    userName: parameters.get("UserName"),
    credentialId: parameters.get(updates.get(name)?.idParameter ?? ""),
    status: parameters.get("Status"),
    userAgent,
    changeId: /(?:^| )change\/([\w-]+)/.exec(userAgent)?.[1] ?? null,
  };
}
