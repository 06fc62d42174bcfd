// A chat bot's handler: "off AKIAIOSFODNN7EXAMPLE of Bob for SEC-123" becomes a change on behalf of whoever wrote it.
// It holds an API key of its own (a bot's, with the role chatops) and no AWS permission. Policy decides, not the bot.
import {
  type LockkeeperClient,
  LockkeeperProblem,
  LockkeeperUnanswered,
  type StatusChangeRequest,
} from "lockkeeper/client";

/** A message as the chat has it. */
export interface Message {
  /** Unique in the chat: a message that is delivered twice makes one change. */
  readonly id: string;
  readonly text: string;
  /** As the chat has authenticated them, never from the text. */
  readonly author: string;
}

/** The sentence to answer with; undefined for a message that is not meant for the bot. */
export async function answer(lockkeeper: LockkeeperClient, message: Message): Promise<string | undefined> {
  const request = changeIn(message);
  if (request === undefined) return undefined;
  const what = `${request.credential.id} of ${request.credential.userName}`;
  try {
    const change = await lockkeeper.setStatus(request, { idempotencyKey: `chat-${message.id}` });
    if (change.outcome === "unknown")
      return `${what} was seen ${change.status}; AWS's own answer got lost (${change.id}).`;
    const before = change.changed === false ? " It was that before." : "";
    return `${what} is ${change.status} (${change.id}).${before}`;
  } catch (error) {
    if (error instanceof LockkeeperProblem || error instanceof LockkeeperUnanswered) return refusal(what, error);
    throw error;
  }
}

/** `off <access key> of <user> [for <ticket>]`. Lockkeeper checks each part again. */
function changeIn({ text, author }: Message): StatusChangeRequest | undefined {
  const [, id, userName, ticket] =
    /^off (AKIA\w{12,124}) of ([\w+=,.@-]{1,128})(?: for ([A-Za-z0-9][\w.#-]{0,63}))?$/.exec(text.trim()) ?? [];
  if (id === undefined || userName === undefined) return undefined;
  return {
    credential: { type: "access-key", id, userName },
    status: "Inactive",
    onBehalfOf: author,
    ...(ticket !== undefined && { ticket }),
  };
}

function refusal(what: string, error: LockkeeperProblem | LockkeeperUnanswered): string {
  if (!error.nothingChanged) {
    const id = error instanceof LockkeeperProblem ? error.changeId : undefined;
    return `Nobody knows yet whether ${what} was switched off. Ask who runs Lockkeeper about ${id ?? "this message"}.`;
  }
  if (error instanceof LockkeeperUnanswered) return `${what} was not touched: Lockkeeper cannot be reached.`;
  if (error.code === "denied") {
    return `${what} was not touched: ${error.reasons.map(({ message }) => message).join(" ")}`;
  }
  return `${what} was not touched: ${error.detail}`;
}
