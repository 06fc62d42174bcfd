/**
 * Arrays as PostgreSQL sends and takes them in binary: as text, every quote in a record's body would be escaped here and
 * unescaped there. What node-postgres is given as a buffer it passes on as a binary value.
 * https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/arrayfuncs.c, array_recv
 */

// Of pg_type; they never change.
const INT8 = 20;
const TEXT = 25;
const BYTEA = 17;

/** `text[]` */
export function texts(values: readonly (string | null)[]): Buffer {
  const lengths = values.map((value) => (value === null ? null : Buffer.byteLength(value)));
  return binaryArray(TEXT, lengths, (buffer, at, index) => buffer.write(values[index] ?? "", at));
}

/** `bytea[]` */
export function byteas(values: readonly Uint8Array[]): Buffer {
  const lengths = values.map((value) => value.length);
  return binaryArray(BYTEA, lengths, (buffer, at, index) => buffer.set(values[index] ?? [], at));
}

/** `bigint[]`, of whole numbers up to 2^53. */
export function bigints(values: readonly (number | null)[]): Buffer {
  const lengths = values.map((value) => (value === null ? null : 8));
  return binaryArray(INT8, lengths, (buffer, at, index) => buffer.writeBigInt64BE(BigInt(values[index] ?? 0), at));
}

/** @param write puts the value of that index into the buffer; it is not asked for nulls, whose length is null */
function binaryArray(
  type: number,
  lengths: readonly (number | null)[],
  write: (buffer: Buffer, at: number, index: number) => void,
): Buffer {
  const bytes = lengths.reduce<number>((sum, length) => sum + 4 + (length ?? 0), 0);
  const buffer = Buffer.allocUnsafe(20 + bytes);
  const hasNulls = lengths.includes(null) ? 1 : 0;
  // Dimensions, flags, the elements' type; of the only dimension its length and its lower bound.
  for (const [at, header] of [1, hasNulls, type, lengths.length, 1].entries()) buffer.writeInt32BE(header, 4 * at);
  let at = 20;
  for (const [index, length] of lengths.entries()) {
    // The length of a null is -1, and nothing follows it.
    buffer.writeInt32BE(length ?? -1, at);
    at += 4;
    if (length === null) continue;
    write(buffer, at, index);
    at += length;
  }
  return buffer;
}
