import { leafHash } from "../../tlog/hash.ts";
import { NoteError, type NoteVerifier } from "../../tlog/note.ts";
import { verifyInclusion } from "../../tlog/proof.ts";
import { parseProof } from "../../tlog/tlog-proof.ts";
import { type CheckedHead, checkHead } from "./checked-head.ts";
import type { Findings } from "./findings.ts";

/** A receipt or a checkpoint that was kept outside the log. */
export interface Kept {
  /** For people: the file. */
  readonly name: string;
  /** A c2sp.org/tlog-proof, or a signed checkpoint. */
  readonly text: string;
}

/** A head that was seen outside; the log must have had it. */
export interface OutsideHead extends CheckedHead {
  /** For people, as the subject of a sentence. */
  readonly name: string;
  /** It is known which record is another one, so that this head cannot be the log's. */
  explained: boolean;
}

/** A record of which somebody holds a receipt. */
export interface OutsideLeaf {
  readonly head: OutsideHead;
  readonly proof: readonly Uint8Array[];
  /** Hash of the bytes in the receipt; undefined when it was given after they had been pruned. */
  readonly leaf: Buffer | undefined;
}

/** What is known of a log from outside of it, each part found good by itself. */
export class Outside {
  /** In order of their size. */
  readonly heads: readonly OutsideHead[];
  readonly leaves = new Map<number, OutsideLeaf[]>();

  /** @param verifiers of the trusted keys; what none of them has signed is a fault. None: signatures are not judged */
  constructor(
    { receipts, checkpoints }: { readonly receipts: readonly Kept[]; readonly checkpoints: readonly Kept[] },
    verifiers: readonly NoteVerifier[],
    findings: Findings,
  ) {
    const heads: OutsideHead[] = [];
    for (const { name, text } of checkpoints) {
      const named = `The checkpoint ${name}`;
      judged(findings, named, () => heads.push({ name: named, explained: false, ...checkHead(text, verifiers) }));
    }
    for (const { name, text } of receipts) {
      const named = `The receipt ${name}`;
      judged(findings, named, () => {
        const { index, proof, checkpoint, extra } = parseProof(text);
        const head = { name: named, explained: false, ...checkHead(checkpoint, verifiers) };
        if (index >= head.size) throw new NoteError("Its index is beyond the end of the tree that was signed.");
        const leaf = extra && leafHash(extra);
        if (leaf !== undefined) assertIncluded({ leaf, index, head, proof });
        heads.push(head);
        this.leaves.set(index, [...(this.leaves.get(index) ?? []), { head, proof, leaf }]);
      });
    }
    this.heads = heads.sort((one, other) => one.size - other.size);
  }

  /** Heads of more than `from` records and at most `to`, in order. */
  between(from: number, to: number): readonly OutsideHead[] {
    return this.heads.length === 0 ? [] : this.heads.filter(({ size }) => size > from && size <= to);
  }

  /** After the last record of a log of that size and name. */
  compareEnd(size: number, origin: string | undefined, findings: Findings): void {
    for (const head of this.heads) {
      if (origin !== undefined && head.origin !== origin) {
        findings.add("outside-invalid", null, `${head.name} is of the log ${head.origin}, not of ${origin}.`);
      } else if (head.size > size) {
        const message = `${head.name} is of ${head.size} records, and this log has ${size}: it was cut, or is an older state.`;
        findings.add("outside-differs", size, message);
      }
    }
  }

  /** Compares a record of the log with the receipts of it. */
  compare(index: number, stored: Buffer, findings: Findings): void {
    for (const { head, proof, leaf } of this.leaves.get(index) ?? []) {
      if (leaf === undefined) {
        judged(findings, head.name, () => assertIncluded({ leaf: stored, index, head, proof }), index);
      } else if (!leaf.equals(stored)) {
        head.explained = true;
        findings.add("outside-differs", index, `${head.name} is of another record ${index} than the one in this log.`);
      }
    }
  }
}

/** @throws NoteError */
function assertIncluded(claim: {
  readonly leaf: Buffer;
  readonly index: number;
  readonly head: CheckedHead;
  readonly proof: readonly Uint8Array[];
}): void {
  const { leaf, index, proof, head } = claim;
  if (!verifyInclusion({ leaf, index, proof, size: head.size, root: head.root })) {
    throw new NoteError(`Its record is not at index ${index} of the tree that was signed.`);
  }
}

function judged(findings: Findings, what: string, act: () => void, index: number | null = null): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    findings.add("outside-invalid", index, `${what}: ${error.message}`);
  }
}
