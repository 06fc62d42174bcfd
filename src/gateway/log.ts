import type { Journal } from "../audit/journal.ts";
import type { Publisher } from "../audit/outside/publisher.ts";
import { followOutside, openLog } from "../open-log.ts";
import type { GatewayContext } from "./options.ts";

/**
 * The audit log, which this gateway has for itself in its data folder.
 * @throws LockkeeperError as `openLog`
 */
export async function openJournal({ config, log, metrics, sandbox, closing }: GatewayContext): Promise<Journal> {
  const owner = sandbox ? "sandbox" : config.iam.account;
  const onHealth = (err?: Error) =>
    err ? log.error({ err }, "the audit log takes no records") : log.info("the audit log takes records again");
  const opened = openLog({ config, owner, onCommit: metrics.committed, onHealth }, { exclusive: true });
  // At once: what else is opened at the same time may fail first.
  closing.add(() => opened.then((journal) => journal.close(), notOpened));
  return opened;
}

/**
 * The log's memories outside of this host. A log that is not the one that was sent there is left as it is.
 * @returns with them, why the log can never be written to again, should that become known
 * @throws LockkeeperError `audit-rolled-back`
 */
export async function openMemories(
  { config, log, clock, metrics, closing }: GatewayContext,
  journal: Journal,
): Promise<{ readonly publisher: Publisher; readonly failed: Promise<Error> }> {
  const rolledBack = Promise.withResolvers<Error>();
  const publisher = await followOutside({ config, journal, clock, log, onRolledBack: rolledBack.resolve });
  closing.add(() => publisher.stop());
  metrics.watch({ journal, clock, maxQueue: config.audit.maxQueue, outside: () => publisher.ages() });
  return { publisher, failed: Promise.race([journal.failed, rolledBack.promise]) };
}

/** What was never opened needs no closing; why it was not has been thrown. */
function notOpened(): void {}
