import { type ErrorCode, LockkeeperError } from "../../errors.ts";
import { compareWithLog } from "./compare.ts";
import type { ComparableLog, OutsideMemory } from "./memory.ts";

export interface StartOptions {
  readonly memories: readonly OutsideMemory[];
  readonly log: ComparableLog;
  /** Told of each memory that could not be asked, or could not be told. */
  readonly onUnreachable: (memory: string, error: Error) => void;
  /** Told of each memory that keeps nothing yet though the log has records. */
  readonly onNothingRemembered: (memory: string) => void;
  /**
   * Told of each memory that keeps a head of a log before this one: a recovery lies between, and the log's first record
   * tells of it. Somebody should know.
   */
  readonly onRecovered?: (memory: string) => void;
}

/**
 * Compares the log with what was last sent outside, before anything is written to it; then tells every memory the newest
 * head. All are compared before any is told: a memory that was told of a forked log would stand against the true one.
 * @throws LockkeeperError `audit-rolled-back` or `configuration` when a memory contradicts the log. A memory that cannot
 *   be reached is no reason to stay down
 */
export async function compareWithOutside(options: StartOptions): Promise<void> {
  const { log, onUnreachable } = options;
  const reached = await compareWithMemories(options);
  await each(reached, onUnreachable, async (memory) => {
    await memory.remember(log);
  });
}

/**
 * The first half of `compareWithOutside`: tells the memories nothing, and so does not ask a witness.
 * @returns the memories that could be reached
 * @throws LockkeeperError as `compareWithOutside`
 */
export function compareWithMemories({
  memories,
  log,
  onUnreachable,
  onNothingRemembered,
  onRecovered,
}: StartOptions): Promise<readonly OutsideMemory[]> {
  return each(memories, onUnreachable, async (memory) => {
    const note = await memory.last();
    if (note !== undefined) {
      if ((await compareWithLog(memory.name, note, log)) === "recovered") onRecovered?.(memory.name);
    } else if (!memory.cosigns && (await log.head()) !== undefined) onNothingRemembered(memory.name);
  });
}

async function each(
  memories: readonly OutsideMemory[],
  onUnreachable: StartOptions["onUnreachable"],
  ask: (memory: OutsideMemory) => Promise<void>,
): Promise<readonly OutsideMemory[]> {
  const reached = new Set(memories);
  const asked = memories.map(async (memory) => {
    try {
      await ask(memory);
    } catch (error) {
      if (error instanceof LockkeeperError && contradictions.has(error.code)) throw error;
      reached.delete(memory);
      onUnreachable(memory.name, error instanceof Error ? error : new Error(String(error)));
    }
  });
  // All of them come to an end first: nothing is to go on behind a start that was refused.
  const [refusal] = (await Promise.allSettled(asked)).filter((result) => result.status === "rejected");
  if (refusal !== undefined) throw refusal.reason;
  return [...reached];
}

/** Errors that are no mere failure to reach a memory. */
const contradictions: ReadonlySet<ErrorCode> = new Set(["audit-rolled-back", "configuration"]);
