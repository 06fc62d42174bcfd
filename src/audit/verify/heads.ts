import { keyName } from "../log-keys.ts";
import type { LogReader, StoredCheckpoint } from "../log-reader.ts";
import type { Background } from "./background.ts";
import type { CheckedHead } from "./checked-head.ts";
import type { Findings } from "./findings.ts";

/** Heads that one key has signed. */
export interface KeyUse {
  readonly vkey: string;
  heads: number;
  /** Sizes of the first and the last of them. */
  readonly first: number;
  last: number;
}

interface Chunk {
  readonly heads: readonly CheckedHead[];
  readonly last: number;
}

/** The signed heads of a log in order of their size, each looked at by itself: form, signature, origin, place. */
export class Heads {
  /** Of the keys that are trusted. */
  readonly keys = new Map<string, KeyUse>();
  /** Heads that were read. */
  count = 0;
  /** Of the log, as its heads say; undefined as long as there is none. */
  origin: string | undefined;
  /** Size of the newest sound one; 0 when there is none. */
  newest = 0;
  readonly #findings: Findings;
  readonly #background: Pick<Background, "heads">;
  readonly #chunks: AsyncIterator<readonly StoredCheckpoint[]>;
  /** Of the trusted keys, the one that has signed last, and those before it. */
  #signer: string | undefined;
  readonly #replaced = new Set<string>();
  #ready: CheckedHead[] = [];
  /** The next chunk, whose signatures are being checked meanwhile. */
  #coming: Promise<Chunk | undefined>;
  /** Size of the last one that was given or is ready, and of the last one that was read. */
  #given = -1;
  #last = -1;

  /** @param origin that all heads must have; by default the first one's */
  constructor(
    reader: Pick<LogReader, "checkpoints">,
    background: Pick<Background, "heads">,
    origin: string | undefined,
    findings: Findings,
  ) {
    this.#findings = findings;
    this.origin = origin;
    this.#background = background;
    this.#chunks = reader.checkpoints()[Symbol.asyncIterator]();
    this.#coming = this.#ahead();
  }

  /** The sound ones among those that were not given yet and are of at most this size. */
  async upTo(size: number): Promise<readonly CheckedHead[]> {
    while (this.#given <= size) {
      const chunk = await this.#coming;
      if (chunk === undefined) break;
      this.#ready.push(...chunk.heads);
      this.#given = chunk.last;
      this.#coming = this.#ahead();
    }
    const end = this.#ready.findIndex((head) => head.size > size);
    return this.#ready.splice(0, end < 0 ? this.#ready.length : end);
  }

  #ahead(): Promise<Chunk | undefined> {
    const coming = this.#next();
    // Whoever asks for it gets the error; until then it is nobody's.
    coming.catch(() => {});
    return coming;
  }

  async #next(): Promise<Chunk | undefined> {
    const { value: stored, done } = await this.#chunks.next();
    if (done === true) return undefined;
    const checked = await this.#background.heads(stored.map(({ note }) => note));
    const heads = stored.flatMap(({ size }, at) => {
      this.count += 1;
      const head = checked[at] ?? { problem: "It was not checked." };
      const problem = "problem" in head ? head.problem : this.#problemOf(head, size);
      this.#last = Math.max(this.#last, size);
      if (problem === undefined && !("problem" in head)) {
        this.newest = size;
        return [head];
      }
      this.#findings.add("checkpoint-invalid", Math.max(0, size - 1), `The signed head of ${size} records: ${problem}`);
      return [];
    });
    return { heads, last: this.#last };
  }

  #problemOf(head: CheckedHead, size: number): string | undefined {
    this.origin ??= head.origin;
    if (head.origin !== this.origin) return `It is of the log ${head.origin}, not of ${this.origin}.`;
    if (head.size !== size) return `It says that it is of ${head.size}.`;
    if (size <= this.#last) return "It does not come behind the smaller ones.";
    const replaced = this.#replacedOf(head);
    if (replaced !== undefined) return replaced;
    for (const vkey of head.signedBy) {
      const use = this.keys.get(vkey);
      if (use === undefined) this.keys.set(vkey, { vkey, heads: 1, first: size, last: size });
      else {
        use.heads += 1;
        use.last = size;
      }
    }
    return undefined;
  }

  /** A key that was replaced may have been so because somebody else has it: it does not come back. */
  #replacedOf({ signedBy }: CheckedHead): string | undefined {
    if (signedBy.length === 0 || (this.#signer !== undefined && signedBy.includes(this.#signer))) return undefined;
    const next = signedBy.find((vkey) => !this.#replaced.has(vkey));
    if (next === undefined) {
      const [former, newer] = [signedBy[0], this.#signer].map((vkey = "") => keyName(vkey));
      return `It is signed with the key ${former}, and smaller ones with ${newer}, which has replaced that key.`;
    }
    if (this.#signer !== undefined) this.#replaced.add(this.#signer);
    this.#signer = next;
    return undefined;
  }
}
