import { leafHash } from "../../tlog/hash.ts";
import type { AuditRecord } from "../journal.ts";
import type { LogKeys } from "../log-keys.ts";
import { type Recovery, recoveredRecord } from "../log-record.ts";
import type { Sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import { type OldChange, type OldLog, readOldRecord } from "./old-log.ts";
import { OldTree } from "./old-tree.ts";

/** A log that is being made, still empty, and that nobody else sees so far. */
export interface NewLog {
  /** Appends records, in order, under a signed head. */
  append(records: readonly AuditRecord[]): Promise<void>;
  write(what: (tables: Tables) => void): Promise<void>;
}

/** Records or changes that are handled at once. */
const CHUNK = 500;
/** As many as there is room for in a record. */
const MAX_NAMED = 100;

/**
 * Fills a new log: its first record tells of the old one; then come the records of the changes that go on, byte by byte
 * as they were and in their old order, and what is kept beside them. They are leaves of another tree now, so their old
 * receipts prove them in the old log only.
 * @param keys as configured: they tell what is proven to be as it was written
 * @param recovery all of the first record but what is carried over
 * @returns what was carried over
 */
export async function carryOver(
  sql: Sql,
  old: OldLog,
  newLog: NewLog,
  keys: LogKeys,
  recovery: Omit<Recovery, "carried">,
  time: number,
): Promise<Recovery["carried"]> {
  const tree = new OldTree(sql, old, keys);
  const damaged: number[] = [];
  for (const index of old.records) {
    const { body } = await readOldRecord(sql, index);
    if (!(await tree.proves(index, leafHash(body)))) damaged.push(index);
  }
  const carried = {
    changes: old.changes.length,
    records: old.records.length,
    apiKeys: old.apiKeys.length,
    unproven: damaged.length,
    damaged: damaged.slice(0, MAX_NAMED),
    lost: old.lost.slice(0, MAX_NAMED),
  };
  await newLog.append([recoveredRecord({ ...recovery, carried }, time)]);
  for (const indexes of chunks(old.records)) {
    const records: AuditRecord[] = [];
    for (const index of indexes) records.push(await readOldRecord(sql, index));
    await newLog.append(records);
  }
  // The first record is the one of the recovery itself.
  const indexes = new Map(old.records.map((index, at) => [index, at + 1]));
  for (const changes of chunks(old.changes)) {
    await newLog.write((tables) => {
      for (const change of changes) writeChange(tables, change, indexes);
    });
  }
  for (const signatures of chunks(old.signatures)) {
    await newLog.write((tables) => {
      for (const signature of signatures) tables.addSignature(signature, signature.changeId);
    });
  }
  for (const keys of chunks(old.apiKeys)) {
    await newLog.write((tables) => {
      for (const key of keys) {
        tables.addApiKey(key);
        if (key.revokedAt !== null) tables.revokeApiKey(key.id, key.revokedAt);
      }
    });
  }
  return carried;
}

function writeChange(tables: Tables, old: OldChange, indexes: ReadonlyMap<number, number>): void {
  const { change, deadline, outcome, settledAt, supersededId } = old;
  const { id } = change;
  const at = settledAt ?? change.requestedAt;
  const newIndex = (index: number | null) => (index === null ? undefined : indexes.get(index));
  const [firstIndex, outcomeIndex, reconciledIndex] = [old.firstIndex, old.outcomeIndex, old.reconciledIndex].map(
    newIndex,
  );
  if (firstIndex === undefined) throw new Error(`the first record of change ${id} is not carried over`);
  const denied = outcome === "denied" ? outcome : null;
  tables.addChange({ change, deadline, outcome: denied, firstIndex, settledAt });
  if (outcomeIndex !== undefined) tables.setOutcome(id, outcomeIndex, outcome === "denied" ? null : outcome, at);
  if (reconciledIndex !== undefined) tables.setReconciled(id, reconciledIndex, at);
  else if (outcome === "unknown" && outcomeIndex === undefined) {
    // It was superseded and is open again.
    tables.setReconciled(id, firstIndex, at);
    tables.clearReconciled(id);
  }
  if (supersededId !== null) tables.setSuperseded(id, supersededId);
  if (old.holds && deadline !== null) tables.hold(change, id, deadline);
  if (old.claim !== undefined) tables.addClaim(change.principal, old.claim, id);
}

function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += CHUNK) yield items.slice(at, at + CHUNK);
}
