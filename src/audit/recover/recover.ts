import { LockkeeperError } from "../../errors.ts";
import { parseCheckpoint } from "../../tlog/checkpoint.ts";
import { openNote, parseSigner, parseVerifier } from "../../tlog/note.ts";
import { keysUnder, lineageOf, originAfter } from "../lineage.ts";
import type { LogKeys } from "../log-keys.ts";
import type { Operator, Recovery, RememberedOutside } from "../log-record.ts";
import type { OutsideMemory } from "../outside/memory.ts";
import type { Sql } from "../sql.ts";
import { carryOver, type NewLog } from "./carry-over.ts";
import { readOldLog } from "./old-log.ts";

/** A store whose log can be given up for a new one. It is held alone: nobody else writes to it meanwhile. */
export interface RecoverableStore {
  readonly sql: Sql;
  /** Numbers of the recoveries whose sealed logs are still there. */
  sealedBefore(): Promise<readonly number[]>;
  /** Where the log of the present will be, once sealed. */
  placeOf(recovery: number): string;
  /**
   * Seals the log and puts a new one in its place: both or nothing, whenever this is interrupted.
   * @param keys of the new log
   * @param fill makes the new log while the old one is still in place
   */
  replace(recovery: number, keys: LogKeys, fill: (newLog: NewLog) => Promise<void>): Promise<void>;
}

export interface RecoverOptions {
  readonly store: RecoverableStore;
  /** As configured: of the first log of its lineage. */
  readonly keys: LogKeys;
  readonly memories: readonly OutsideMemory[];
  readonly account: string;
  readonly operator: Operator;
  readonly reason: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** A reason is part of a record, which has its bounds. */
const MAX_REASON = 2_000;
/** A checkpoint of ours with a few signatures is a fraction of it. */
const MAX_NOTE = 4_096;
/** Characters of an error, or of a name that is wrong. */
const MAX_FAULT = 500;

/**
 * Gives a log up that cannot be gone on with, and begins another: seals what there is, and opens a log of a new origin whose
 * first record says why, by whom, and what the old one's head was, here and outside. Changes that are open go on there.
 * @throws LockkeeperError when it cannot be done; the old log is as it was then
 */
export async function recoverLog(options: RecoverOptions): Promise<Recovery> {
  const { store, keys, memories, account, operator, reason, now } = options;
  const said = reason.trim();
  if (said === "" || said.length > MAX_REASON) {
    throw new LockkeeperError("malformed-request", `Say why, in at most ${MAX_REASON} characters: --reason TEXT.`);
  }
  const old = await understood("The old log cannot be read", () => readOldLog(store.sql, now));
  const present = lineageOf(old.origin);
  if (present.base !== keys.origin) {
    throw new LockkeeperError(
      "configuration",
      `This is the log ${old.origin.slice(0, MAX_FAULT)}, and audit.origin is ${keys.origin}: is it the right data folder or schema?`,
    );
  }
  const outside = await Promise.all(memories.map(remembered));
  const used = [
    present.recovery,
    ...(await store.sealedBefore()),
    ...outside.map(({ checkpoint }) => recoveryIn(checkpoint, keys)),
  ];
  const recovery = Math.max(...used) + 1;
  const newKeys = keysUnder(keys, originAfter(keys.origin, recovery));
  if (newKeys === undefined) throw new Error("a log's successor is of its lineage");
  const told = {
    reason: said,
    operator,
    origin: newKeys.origin,
    verifierKey: parseSigner(newKeys.signingKey).verifier,
    account,
    sealed: {
      place: store.placeOf(recovery),
      origin: old.origin,
      size: old.size,
      ...bounded(old.checkpoint),
    },
    outside,
  };
  let carried: Recovery["carried"] | undefined;
  await understood("The new log could not be put in place of the old one, which is as it was", () =>
    store.replace(recovery, newKeys, async (newLog) => {
      carried = await carryOver(store.sql, old, newLog, keys, told, now);
    }),
  );
  if (carried === undefined) throw new Error("the new log was not filled");
  return { ...told, carried };
}

/** Errors of files and databases with a sentence before them. */
async function understood<T>(what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    if (cause instanceof LockkeeperError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LockkeeperError("audit-unavailable", `${what}: ${why}.`, {}, { cause });
  }
}

async function remembered(memory: OutsideMemory): Promise<RememberedOutside> {
  try {
    return { memory: memory.name, ...bounded((await memory.last()) ?? null) };
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    return { memory: memory.name, checkpoint: null, fault: fault.slice(0, MAX_FAULT) };
  }
}

/** What goes into a record, which has its bounds: what is too long for a checkpoint is none. */
function bounded(checkpoint: string | null): { readonly checkpoint: string | null; readonly fault?: string } {
  // Characters that a record has to escape take six bytes there.
  if (checkpoint === null || Buffer.byteLength(JSON.stringify(checkpoint)) <= MAX_NOTE) return { checkpoint };
  return { checkpoint: null, fault: `it has ${checkpoint.length} characters, which is too long for a checkpoint` };
}

/** Which recovery's log a memory knows of; 0 for what cannot be believed. */
function recoveryIn(note: string | null, keys: LogKeys): number {
  if (note === null) return 0;
  try {
    const named = keysUnder(keys, note.slice(0, note.indexOf("\n")));
    if (named === undefined) return 0;
    const { text } = openNote(note, named.trustedKeys.map(parseVerifier));
    return lineageOf(parseCheckpoint(text).origin).recovery;
  } catch {
    return 0;
  }
}
