import { formatCheckpoint } from "../../src/tlog/checkpoint.ts";
import { GrowingTree } from "../../src/tlog/growing-tree.ts";
import { leafHash } from "../../src/tlog/hash.ts";
import { generateKey, type NoteSigner, parseSigner, parseVerifier, signNote } from "../../src/tlog/note.ts";
import { formatProof } from "../../src/tlog/tlog-proof.ts";

/** A log of these entries, signed with a new key. */
export function smallLog(entries: readonly string[], { origin = "example.com/log" } = {}) {
  const { signer: skey, verifier: vkey } = generateKey(origin);
  const own = parseSigner(skey);
  const tree = GrowingTree.load(0, () => []);
  for (const entry of entries) tree.append(leafHash(entry));

  const checkpoint = (signers: readonly NoteSigner[] = [own], name = origin) =>
    signNote(formatCheckpoint({ origin: name, size: tree.size, root: tree.root() }), signers);
  return {
    origin,
    skey,
    vkey,
    signer: own,
    verifier: parseVerifier(vkey),
    checkpoint,
    /** The tlog-proof of an entry, with the entry in it unless told otherwise. */
    proof: (index: number, { extra = entries[index] as string | null | undefined, note = checkpoint() } = {}) =>
      formatProof({
        index,
        proof: tree.inclusionProof(index),
        checkpoint: note,
        ...(typeof extra === "string" && { extra: Buffer.from(extra) }),
      }),
  };
}
