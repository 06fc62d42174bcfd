import { decodeDecimal } from "../../tlog/base64.ts";
import { cosignedAt, parseCosigner } from "../../tlog/cosignature.ts";
import { type NoteVerifier, signatureLine, splitNote } from "../../tlog/note.ts";
import type { SignedHead } from "../journal.ts";
import { different, rolledBack, smaller } from "./compare.ts";
import { type Answer, exchange, type HttpOptions } from "./http-exchange.ts";
import type { ComparableLog, OutsideMemory } from "./memory.ts";

export interface WitnessOptions extends HttpOptions {
  /** Submission prefix (c2sp.org/tlog-witness). */
  readonly url: string;
  /** Its verifier key, of signature type 0x04 (c2sp.org/tlog-cosignature). */
  readonly publicKey: string;
}

/** How often in one go its size may turn out to be another one: other gateways of the log send to it as well. */
const MAX_CONFLICTS = 3;

/**
 * A C2SP witness: it cosigns a checkpoint only when that continues the one that it cosigned before, so nobody can put
 * another tree in its place. Its operator must have been told the log's origin and key.
 */
export function witness({ url, publicKey, ...http }: WitnessOptions): OutsideMemory {
  const verifier = parseCosigner(publicKey);
  const name = `witness ${verifier.name}`;
  /** What it has cosigned, as far as is known. */
  let known = { origin: "", size: 0 };

  const submit = async (log: ComparableLog, head: SignedHead, old: number): Promise<Answer> => {
    const proof = old === 0 ? [] : await log.consistency(old, head.size);
    if (proof === undefined) throw new Error(`the log has no proof that it continues its first ${old} records`);
    return exchange(
      {
        method: "POST",
        url: `${url.replace(/\/$/, "")}/add-checkpoint`,
        headers: { "content-type": "text/plain; charset=utf-8" },
        body: `old ${old}\n${proof.map((hash) => `${hash}\n`).join("")}\n${head.checkpoint}`,
      },
      http,
    );
  };

  return {
    name,
    cosigns: true,
    last: async () => undefined,
    async remember(log) {
      for (let conflicts = 0; conflicts <= MAX_CONFLICTS; conflicts += 1) {
        const head = await log.head();
        if (head === undefined) return undefined;
        const old = known.origin === head.origin ? known.size : 0;
        if (old > head.size) throw rolledBack(name, smaller(old, head.size));
        const answer = await submit(log, head, old);
        if (answer.status === 200) {
          const checkpoint = cosigned(head.checkpoint, answer.text, verifier);
          known = { origin: head.origin, size: head.size };
          return { ...head, checkpoint };
        }
        // An old size of zero needs no proof, so there is nothing that could be wrong with it.
        if (answer.status === 422 && old > 0) throw rolledBack(name, different(old, head.size));
        if (answer.status !== 409) throw refused(answer.status, head.origin);
        known = { origin: head.origin, size: sizeOf(answer) };
      }
      throw new Error("it names another size each time that it is asked");
    },
  };
}

/**
 * The checkpoint with the witness's cosignature under it. Lines of keys that are not known are left out.
 * @param lines as the witness sent them; hostile
 * @throws Error when its signature is not there, or wrong, or does not say when (c2sp.org/tlog-witness)
 */
function cosigned(checkpoint: string, lines: string, verifier: NoteVerifier): string {
  const { signatures } = splitNote(checkpoint + lines);
  const its = signatures.filter(({ name, keyId }) => name === verifier.name && keyId === verifier.keyId);
  const note = checkpoint + its.map((one) => signatureLine(one, one.signature)).join("");
  if (!cosignedAt(note, verifier)) throw new Error("its answer is not signed by its key, or without a time");
  return note;
}

/** @throws Error for an answer that names no size */
function sizeOf({ headers, text }: Answer): number {
  const type = headers.get("content-type")?.split(";")[0]?.trim();
  const size = text.endsWith("\n") ? decodeDecimal(text.slice(0, -1)) : undefined;
  if (type !== "text/x.tlog.size" || size === undefined) throw new Error("it was answered with 409 without a size");
  return size;
}

/** Of a log that was opened by a recovery the witness's operator has not heard yet; no reason to refuse to work. */
function refused(status: number, origin: string): Error {
  const unknown = { 403: "the key of the log", 404: "the log" }[status];
  return new Error(
    unknown === undefined
      ? `add-checkpoint was answered with ${status}`
      : `it does not know ${unknown} ${origin}: have its operator add the origin and the verifier key`,
  );
}
