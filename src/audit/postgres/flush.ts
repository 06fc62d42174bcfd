import type { Head } from "../head.ts";
import type { SealedBatch } from "../log-batch.ts";
import type { PostgresTables } from "./postgres-tables.ts";
import {
  addApiKeys,
  addChanges,
  addHolders,
  addKey,
  addNodes,
  append,
  dropClaims,
  dropExpired,
  dropHolders,
  extendSpans,
  putClaims,
  putLeases,
  setApiKeys,
  setChanges,
} from "./statements.ts";
import { type Holder, userKey } from "./working-set.ts";

/** A statement, planned once in each session, with its values. */
export interface Bound {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}

/** The head that was locked: what is appended must follow it. */
export interface LockedHead extends Pick<Head, "size" | "root"> {
  /** The verifier key of its signature; null of an empty log. */
  readonly vkey: string | null;
}

/** Records whose earliest and latest time is kept together, to search by time. */
export const STRETCH = 4096;

/**
 * Appends a batch to the log and moves the head, or fails the transaction when the head is not the one that was locked.
 * @param vkey the verifier key of the new head's signature
 */
export function appendBatch({ rows, nodes, head }: SealedBatch, locked: LockedHead, vkey: string): Bound[] {
  const statements: Bound[] = [
    {
      ...append,
      values: [
        locked.size,
        rows.map(({ record }) => record.time),
        rows.map(({ leafHash }) => leafHash),
        rows.map(({ record }) => record.uid),
        rows.map(({ record }) => record.correlation),
        rows.map(({ record }) => record.code),
        rows.map(({ record }) => record.body),
        head.size,
        head.checkpoint,
        head.root,
        locked.root,
        vkey,
      ],
    },
  ];
  if (nodes.length > 0) {
    const columns = [nodes.map(({ level }) => level), nodes.map(({ index }) => index), nodes.map(({ hash }) => hash)];
    statements.push({ ...addNodes, values: columns });
  }
  if (locked.vkey !== vkey) statements.push({ ...addKey, values: [head.size, vkey] });
  return statements;
}

/** Writes what the operations of a batch have made of the tables beside the log. What goes comes first. */
export function writeTables(tables: PostgresTables, batch: SealedBatch | undefined): Bound[] {
  const { changes, holders, claims, apiKeys, leases, expiredBy } = tables;
  const statements: Bound[] = [];
  const write = (statement: Omit<Bound, "values">, columns: readonly (readonly unknown[])[]) => {
    if ((columns[0]?.length ?? 0) > 0) statements.push({ ...statement, values: [...columns] });
  };

  const fresh = changes.added().flatMap((row) => (row.asNew === undefined ? [] : [{ ...row.asNew, ...row }]));
  write(addChanges, [
    fresh.map(({ id }) => id),
    fresh.map(({ change }) => change.principal),
    fresh.map(({ account }) => account),
    fresh.map(({ type }) => type),
    fresh.map(({ credentialId }) => credentialId),
    fresh.map(({ change }) => userKey(change.userName)),
    fresh.map(({ change }) => change.userName),
    fresh.map(({ change }) => change.status),
    fresh.map(({ change }) => change.requestedAt),
    fresh.map(({ deadline }) => deadline),
    fresh.map(({ outcome }) => outcome),
    fresh.map(({ firstIndex }) => firstIndex),
    fresh.map(({ outcomeIndex }) => outcomeIndex),
    fresh.map(({ reconciledIndex }) => reconciledIndex),
    fresh.map(({ supersededId }) => supersededId),
    fresh.map(({ settledAt }) => settledAt),
  ]);
  const gone = changes.changed();
  write(setChanges, [
    gone.map(({ id }) => id),
    gone.map(({ outcome }) => outcome),
    gone.map(({ outcomeIndex }) => outcomeIndex),
    gone.map(({ reconciledIndex }) => reconciledIndex),
    gone.map(({ supersededId }) => supersededId),
    gone.map(({ settledAt }) => settledAt),
  ]);

  write(dropHolders, places([...holders.removed(), ...holders.changed()]));
  const held = [...holders.added(), ...holders.changed()];
  write(addHolders, [...places(held), held.map(({ changeId }) => changeId), held.map(({ deadline }) => deadline)]);

  if (expiredBy !== undefined) statements.push({ ...dropExpired, values: [expiredBy] });
  const dropped = claims.removed();
  write(dropClaims, [dropped.map(({ principal }) => principal), dropped.map(({ key }) => key)]);
  const claimed = [...claims.added(), ...claims.changed()];
  write(putClaims, [
    claimed.map(({ principal }) => principal),
    claimed.map(({ key }) => key),
    claimed.map(({ bodyHash }) => bodyHash),
    claimed.map(({ changeId }) => changeId),
    claimed.map(({ expiresAt }) => expiresAt),
  ]);

  const made = apiKeys.added().flatMap((row) => (row.asNew === undefined ? [] : [{ ...row.asNew, ...row }]));
  write(addApiKeys, [
    made.map(({ id }) => id),
    made.map(({ secretHash }) => secretHash),
    made.map(({ principal }) => principal),
    made.map(({ principalJson }) => principalJson),
    made.map(({ createdAt }) => createdAt),
    made.map(({ expiresAt }) => expiresAt),
    made.map(({ revokedAt }) => revokedAt),
  ]);
  const revoked = apiKeys.changed();
  write(setApiKeys, [revoked.map(({ id }) => id), revoked.map(({ revokedAt }) => revokedAt)]);

  const leased = [...leases.added(), ...leases.changed()];
  write(putLeases, [
    leased.map(({ name }) => name),
    leased.map(({ holder }) => holder),
    leased.map(({ expiresAt }) => expiresAt),
  ]);

  const times = [
    ...(batch?.rows ?? []).map(({ index, record }) => ({ index, time: record.time })),
    ...fresh.map(({ firstIndex, change }) => ({ index: firstIndex, time: change.requestedAt })),
  ];
  write(extendSpans, [times.map(({ index }) => Math.floor(index / STRETCH)), times.map(({ time }) => time)]);
  return statements;
}

function places(rows: readonly Holder[]): string[][] {
  return [
    rows.map(({ account }) => account),
    rows.map(({ type }) => type),
    rows.map(({ userKey }) => userKey),
    rows.map(({ credentialId }) => credentialId),
  ];
}
