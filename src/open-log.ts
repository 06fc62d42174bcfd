import { join } from "node:path";
import type { GroupCommitOptions } from "./audit/group-commit.ts";
import type { Journal, SignedHead } from "./audit/journal.ts";
import { keysUnder } from "./audit/lineage.ts";
import type { LogKeys } from "./audit/log-keys.ts";
import { openStore } from "./audit/open-store.ts";
import { compareWithMemories, compareWithOutside } from "./audit/outside/at-start.ts";
import type { ComparableLog } from "./audit/outside/memory.ts";
import { outsideMemories } from "./audit/outside/open.ts";
import { Publisher } from "./audit/outside/publisher.ts";
import { keepOwnSigningKey, logKeys, readSigningKey } from "./audit/signing-key.ts";
import { openJournal } from "./audit/store-journal.ts";
import type { Clock } from "./clock.ts";
import type { Config } from "./config.ts";
import type { Logger } from "./log.ts";
import { parseSigner } from "./tlog/note.ts";

export interface OpenLogOptions {
  readonly config: Pick<Config, "audit" | "dataDir" | "postgres">;
  /** An AWS account, or `sandbox`: whose changes the log holds. */
  readonly owner: string;
  readonly onCommit?: GroupCommitOptions["onCommit"];
  readonly onHealth?: GroupCommitOptions["onHealth"];
}

/**
 * The configured audit log.
 * @param exclusive true for a gateway: in a data folder it works alone
 * @throws LockkeeperError when it cannot be used as it is
 */
export async function openLog(
  { config, owner, onCommit, onHealth }: OpenLogOptions,
  { exclusive }: { readonly exclusive: boolean },
): Promise<Journal> {
  const store = await openStore(config, { exclusive, owner, keys: configuredKeys(config) });
  return openJournal(store, { ...config.audit, ...(onCommit && { onCommit }), ...(onHealth && { onHealth }) });
}

/**
 * The configured audit log for one command that writes to it, beside a gateway that may be running. It is compared with
 * the outside memories first, as a gateway compares it, but they are told nothing: that is the gateways' work.
 * @param warn told in a sentence of each memory that could not be asked
 * @throws LockkeeperError as `openLog`; `audit-rolled-back` or `configuration` when a memory contradicts the log
 */
export async function openLogToWrite(options: OpenLogOptions, warn: (sentence: string) => void): Promise<Journal> {
  const journal = await openLog(options, { exclusive: false });
  try {
    await compareWithMemories({
      memories: outsideMemories(options.config.audit.outside),
      log: comparable(options.config, journal),
      onUnreachable: (memory, { message }) =>
        warn(`The log could not be compared with the ${memory}, and is written to all the same: ${message}`),
      onNothingRemembered: () => {},
    });
    return journal;
  } catch (error) {
    await journal.close();
    throw error;
  }
}

/** The keys of the configured log; one that nobody configured, the sandbox's, makes its own. */
export function configuredKeys({ audit, dataDir }: Pick<Config, "audit" | "dataDir">): LogKeys {
  const { origin, signingKeyFile, formerKeys } = audit;
  const signingKey =
    signingKeyFile === undefined
      ? keepOwnSigningKey(join(dataDir, "signing-key"), origin)
      : readSigningKey(signingKeyFile);
  return logKeys({ origin, signingKey, formerKeys });
}

/** The name of the log as it is now, after a recovery too, and the verifier key (c2sp.org/signed-note) of its heads. */
export async function logInUse(
  journal: Pick<Journal, "head">,
  config: Pick<Config, "audit" | "dataDir">,
): Promise<{ readonly origin: string; readonly verifierKey: string }> {
  const configured = configuredKeys(config);
  const origin = (await journal.head())?.origin ?? configured.origin;
  const { signingKey } = keysUnder(configured, origin) ?? configured;
  return { origin, verifierKey: parseSigner(signingKey).verifier };
}

/** The newest head, with a witness's cosignature where it has one already. */
export async function newestHead(
  journal: Pick<Journal, "head">,
  publisher: Pick<Publisher, "cosigned">,
): Promise<SignedHead | undefined> {
  const head = await journal.head();
  const cosigned = publisher.cosigned();
  return cosigned?.size === head?.size && cosigned?.root === head?.root ? cosigned : head;
}

export interface OutsideOptions {
  readonly config: Pick<Config, "audit" | "dataDir">;
  readonly journal: Pick<Journal, "head" | "consistency" | "proven">;
  readonly clock: Clock;
  readonly log: Logger;
  /** The log is not what an outside memory remembers: nothing more is to be written to it. */
  readonly onRolledBack: (error: Error) => void;
}

/**
 * Compares the log with what was last sent outside, then keeps sending its newest head there.
 * @throws LockkeeperError `audit-rolled-back`
 */
export async function followOutside(options: OutsideOptions): Promise<Publisher> {
  const { config, journal, clock, log, onRolledBack } = options;
  const memories = outsideMemories(config.audit.outside);
  const compared = comparable(config, journal);
  await compareWithOutside({
    memories,
    log: compared,
    onUnreachable: (memory, err) => log.error({ memory, err }, "the log could not be compared with an outside memory"),
    onNothingRemembered: (memory) =>
      log.warn({ memory }, "an outside memory keeps nothing yet: it starts with this log"),
    onRecovered: (memory) =>
      log.warn({ memory }, "an outside memory keeps a head of the log before a recovery: the first record tells of it"),
  });
  const { intervalMs, alertAfterMs } = config.audit.outside;
  const publisher = new Publisher({
    memories,
    log: compared,
    clock,
    intervalMs,
    alertAfterMs,
    onAlert: ({ memory, ageMs, error }) =>
      log.error({ memory, ageMs, err: error }, "an outside memory has not taken the log's newest head for too long"),
    onRecovered: (memory) => log.info({ memory }, "an outside memory has the log's newest head again"),
    onRolledBack,
  });
  publisher.start();
  return publisher;
}

function comparable(config: OutsideOptions["config"], journal: OutsideOptions["journal"]): ComparableLog {
  return {
    keys: configuredKeys(config),
    head: () => journal.head(),
    consistency: (from, to) => journal.consistency(from, to),
    proven: (index) => journal.proven(index),
  };
}
