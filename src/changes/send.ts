import type { Clock } from "../clock.ts";
import type { AuthorizedChange } from "../policy/pep.ts";
import type { Iam, UpdateAnswer } from "./iam-answers.ts";
import { wordsForCallers } from "./iam-words.ts";
import type { Outcome } from "./outcome.ts";

export interface SendOptions {
  readonly iam: Pick<Iam, "update">;
  readonly clock: Clock;
}

const FIRST_BACK_OFF_MS = 100;
const LONGEST_BACK_OFF_MS = 1600;
/** The share of the remaining time that is kept for reading back, should the answer not come. */
const READ_BACK_SHARE = 0.3;

/**
 * Sends the update. Only an answer which proves that IAM did nothing (throttled, never connected) is followed by
 * another attempt, under the same intent; a lost answer never is. Whether the change may still be sent is looked at
 * before each attempt here, and again by `iam` in the moment in which the attempt is written to its connection.
 */
export async function sendUpdate(
  { iam, clock }: SendOptions,
  { change, notAfter }: AuthorizedChange,
): Promise<Outcome> {
  const request = { changeId: change.id, credential: change.credential, status: change.status, notAfter };
  let last: Outcome = {
    name: "failed",
    how: "not-sent",
    code: "DeadlinePassed",
    message: "The change's deadline passed before it could be sent to IAM.",
  };
  for (let pause = FIRST_BACK_OFF_MS; ; pause = Math.min(2 * pause, LONGEST_BACK_OFF_MS)) {
    const remaining = notAfter - clock.now();
    if (remaining <= 0) return last;
    const answer = await iam.update(request, remaining * (1 - READ_BACK_SHARE));
    last = outcomeOf(answer);
    const provesNothingDone = answer.kind === "not-sent" || (answer.kind === "refused" && answer.retryable);
    if (!provesNothingDone || clock.now() + pause >= notAfter) return last;
    await clock.sleep(pause);
  }
}

function outcomeOf(answer: UpdateAnswer): Outcome {
  switch (answer.kind) {
    case "applied": {
      const { awsRequestId, httpStatus } = answer;
      return { name: "applied", awsRequestId, httpStatus };
    }
    case "refused": {
      const { code, message, httpStatus, awsRequestId, retryable } = answer;
      return {
        name: "failed",
        how: "refused",
        code,
        message: wordsForCallers(code, message),
        httpStatus,
        ...(retryable && { retryable }),
        ...(awsRequestId !== undefined && { awsRequestId }),
      };
    }
    case "not-sent":
      return { name: "failed", how: "not-sent", code: answer.code, message: answer.message };
    case "unknown":
      return { name: "unknown", code: answer.code, message: answer.message };
  }
}
