/**
 * Remembers which ids there were, in about 16 bytes each: all changes of a log are too many to keep. What it takes for
 * seen may in rare cases be another id with the same 52 bits, so whoever gets that answer looks again.
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

/** 52 bits of the end of an id: of a UUIDv7 that is its random part (RFC 9562, 5.7). */
function printOf(id: string): number {
  let [one, other] = [0, 0];
  for (let at = Math.max(0, id.length - 20); at < id.length; at += 1) {
    // Two hashes as FNV-1a makes them, with odd factors of their own.
    one = Math.imul(one ^ id.charCodeAt(at), 0x01000193);
    other = Math.imul(other ^ id.charCodeAt(at), 0x5bd1e995);
  }
  return (one >>> 0) * 0x10_0000 + (other >>> 12);
}
