import type { Head } from "../head.ts";
import { isAwsKey } from "../journal.ts";
import type { SealedBatch } from "../log-batch.ts";
import { bigints, byteas, texts } from "./binary-array.ts";
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
  dropExpiredSignatures,
  dropHolders,
  dropLeases,
  extendSpans,
  putClaims,
  putLeases,
  putSignatures,
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
        bigints(rows.map(({ record }) => record.time)),
        byteas(rows.map(({ leafHash }) => leafHash)),
        texts(rows.map(({ record }) => record.uid)),
        texts(rows.map(({ record }) => record.correlation)),
        texts(rows.map(({ record }) => record.code)),
        texts(rows.map(({ record }) => record.body)),
        head.size,
        head.checkpoint,
        head.root,
        locked.root,
        vkey,
      ],
    },
  ];
  if (nodes.length > 0) {
    const places = [bigints(nodes.map(({ level }) => level)), bigints(nodes.map(({ index }) => index))];
    statements.push({ ...addNodes, values: [...places, byteas(nodes.map(({ hash }) => hash))] });
  }
  if (locked.vkey !== vkey) statements.push({ ...addKey, values: [head.size, vkey] });
  return statements;
}

/** Writes what the operations of a batch have made of the tables beside the log. What goes comes first. */
export function writeTables(tables: PostgresTables, batch: SealedBatch | undefined): Bound[] {
  const { changes, holders, claims, signatures, apiKeys, leases, expiredBy, signaturesExpiredBy } = tables;
  const statements: Bound[] = [];
  const write = <Row>(statement: Omit<Bound, "values">, rows: readonly Row[], columns: readonly Column<Row>[]) => {
    if (rows.length > 0) statements.push({ ...statement, values: columns.map((column) => column(rows)) });
  };

  const fresh = changes.added().flatMap((row) => (row.asNew === undefined ? [] : [{ ...row.asNew, ...row }]));
  write(addChanges, fresh, [
    text(({ id }) => id),
    text(({ change }) => change.principal),
    text(({ account }) => account),
    text(({ type }) => type),
    text(({ credentialId }) => credentialId),
    text(({ change }) => userKey(change.userName)),
    text(({ change }) => change.userName),
    text(({ change }) => change.status),
    bigint(({ change }) => change.requestedAt),
    bigint(({ deadline }) => deadline),
    text(({ outcome }) => outcome),
    bigint(({ firstIndex }) => firstIndex),
    bigint(({ outcomeIndex }) => outcomeIndex),
    bigint(({ reconciledIndex }) => reconciledIndex),
    text(({ supersededId }) => supersededId),
    bigint(({ settledAt }) => settledAt),
  ]);
  write(setChanges, changes.changed(), [
    text(({ id }) => id),
    text(({ outcome }) => outcome),
    bigint(({ outcomeIndex }) => outcomeIndex),
    bigint(({ reconciledIndex }) => reconciledIndex),
    text(({ supersededId }) => supersededId),
    bigint(({ settledAt }) => settledAt),
  ]);

  write(dropHolders, [...holders.removed(), ...holders.changed()], place);
  write(addHolders, holders.written(), [
    ...place,
    text(({ changeId }) => changeId),
    bigint(({ deadline }) => deadline),
  ]);

  if (expiredBy !== undefined) statements.push({ ...dropExpired, values: [expiredBy] });
  write(dropClaims, claims.removed(), [text(({ principal }) => principal), text(({ key }) => key)]);
  write(putClaims, claims.written(), [
    text(({ principal }) => principal),
    text(({ key }) => key),
    text(({ bodyHash }) => bodyHash),
    text(({ changeId }) => changeId),
    bigint(({ expiresAt }) => expiresAt),
  ]);

  if (signaturesExpiredBy !== undefined) {
    statements.push({ ...dropExpiredSignatures, values: [signaturesExpiredBy] });
  }
  write(putSignatures, signatures.written(), [
    text(({ digest }) => digest),
    text(({ changeId }) => changeId),
    bigint(({ expiresAt }) => expiresAt),
  ]);

  const made = apiKeys.added().flatMap((row) => (row.asNew === undefined ? [] : [{ ...row, asNew: row.asNew }]));
  write(addApiKeys, made, [
    text(({ id }) => id),
    text(({ asNew }) => (isAwsKey(asNew) ? null : asNew.secretHash)),
    text(({ sealedSecret }) => sealedSecret),
    text(({ sealedUnder }) => sealedUnder),
    text(({ principal }) => principal),
    text(({ asNew }) => asNew.principalJson),
    bigint(({ asNew }) => asNew.createdAt),
    bigint(({ expiresAt }) => expiresAt),
    bigint(({ revokedAt }) => revokedAt),
  ]);
  write(setApiKeys, apiKeys.changed(), [
    text(({ id }) => id),
    text(({ sealedSecret }) => sealedSecret),
    text(({ sealedUnder }) => sealedUnder),
    bigint(({ revokedAt }) => revokedAt),
  ]);

  write(dropLeases, leases.removed(), [text(({ name }) => name)]);
  write(putLeases, leases.written(), [
    text(({ name }) => name),
    text(({ holder }) => holder),
    bigint(({ expiresAt }) => expiresAt),
  ]);

  const times = [
    ...(batch?.rows ?? []).map(({ index, record }) => ({ index, time: record.time })),
    ...fresh.map(({ firstIndex, change }) => ({ index: firstIndex, time: change.requestedAt })),
  ];
  write(extendSpans, times, [bigint(({ index }) => Math.floor(index / STRETCH)), bigint(({ time }) => time)]);
  return statements;
}

/** One column of rows as an array of its values. */
type Column<Row> = (rows: readonly Row[]) => Buffer;

function text<Row>(of: (row: Row) => string | null): Column<Row> {
  return (rows) => texts(rows.map(of));
}

function bigint<Row>(of: (row: Row) => number | null): Column<Row> {
  return (rows) => bigints(rows.map(of));
}

const place: readonly Column<Holder>[] = [
  text(({ account }) => account),
  text(({ type }) => type),
  text(({ userKey }) => userKey),
  text(({ credentialId }) => credentialId),
];
