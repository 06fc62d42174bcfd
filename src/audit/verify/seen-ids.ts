import { hash } from "node:crypto";

/**
 * Remembers which ids there were, in about 16 bytes each: all changes of a log are too many to keep. What it takes for
 * seen may in rare cases be another id with the same 48 bits, so whoever gets that answer looks again.
 */
export class SeenIds {
  /** Open addressing; 0 is an empty place. At most half full. */
  #places = new Float64Array(1024);
  #count = 0;

  /** @returns whether it was there before, almost certainly */
  add(id: string): boolean {
    if (this.#count * 2 >= this.#places.length) this.#grow();
    const known = this.#put(1 + printOf(id));
    if (!known) this.#count += 1;
    return known;
  }

  #put(print: number): boolean {
    const places = this.#places;
    for (let at = print % places.length; ; at = (at + 1) % places.length) {
      if (places[at] === print) return true;
      if (places[at] === 0) {
        places[at] = print;
        return false;
      }
    }
  }

  #grow(): void {
    const old = this.#places;
    this.#places = new Float64Array(old.length * 2);
    for (const print of old) if (print !== 0) this.#put(print);
  }
}

/** 48 bits: of a UUIDv7 those that are random and last (RFC 9562, 5.7), of anything else those of a hash. */
function printOf(id: string): number {
  const tail = id.length === 36 ? Number(`0x${id.slice(24)}`) : Number.NaN;
  return Number.isNaN(tail) ? Number.parseInt(hash("sha256", id, "hex").slice(0, 12), 16) : tail;
}
