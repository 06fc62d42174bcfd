/** Leaves `start` (inclusive) to `end` (exclusive). */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * RFC 6962, 2.1.1, PATH: what stands beside the way from a leaf to the root, the nearest to the leaf first.
 * @throws RangeError unless 0 <= index < size
 */
export function auditPath(index: number, size: number): Range[] {
  if (!isCount(size) || !isCount(index) || index >= size) throw new RangeError("there is no such leaf in the tree");
  const path: Range[] = [];
  let { start, end }: Range = { start: 0, end: size };
  while (end - start > 1) {
    const middle = start + largestPowerBelow(end - start);
    if (index < middle) {
      path.push({ start: middle, end });
      end = middle;
    } else {
      path.push({ start, end: middle });
      start = middle;
    }
  }
  return path.reverse();
}

/**
 * RFC 6962, 2.1.2, SUBPROOF: what, beside the root of the tree of `from` leaves, makes up both trees.
 * @throws RangeError unless 0 <= from <= to
 */
export function consistencyPath(from: number, to: number): Range[] {
  if (!isCount(from) || !isCount(to) || from > to) throw new RangeError("the older tree is the larger one");
  if (from === 0 || from === to) return [];
  const path: Range[] = [];
  let { start, end }: Range = { start: 0, end: to };
  while (from !== end) {
    const middle = start + largestPowerBelow(end - start);
    if (from <= middle) {
      path.push({ start: middle, end });
      end = middle;
    } else {
      path.push({ start, end: middle });
      start = middle;
    }
  }
  // Whoever checks the proof knows the old root; any other complete part of the old tree must be told.
  if (start > 0) path.push({ start, end });
  return path.reverse();
}

/** RFC 6962's k: the largest power of two that is smaller than n, n > 1. */
function largestPowerBelow(n: number): number {
  let power = 1;
  while (power * 2 < n) power *= 2;
  return power;
}

/** A number of leaves, or the number of one. */
export function isCount(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0;
}
