import { LockkeeperError } from "../errors.ts";
import { type NoteSigner, type NoteVerifier, parseSigner, parseVerifier } from "../tlog/note.ts";

/** Who a log is, and whose signatures under its heads count. */
export interface LogKeys {
  /** First line of its checkpoints (c2sp.org/tlog-checkpoint): a schema-less URL. */
  readonly origin: string;
  /** The key that signs heads, as Go's note package writes it: `PRIVATE+KEY+<origin>+<key id>+<base64>`. Secret. */
  readonly signingKey: string;
  /** Verifier keys (c2sp.org/signed-note) under which a head is believed: the signing key's own, and former ones. */
  readonly trustedKeys: readonly string[];
}

/** `LogKeys`, ready to sign and to verify. */
export interface LogIdentity {
  readonly origin: string;
  readonly signer: NoteSigner;
  /** Only of keys whose name is the origin: a head under any other is no head of this log. */
  readonly verifiers: readonly NoteVerifier[];
}

/** @throws LockkeeperError `configuration` for a signing key of another name; NoteError for a key that is none */
export function logIdentity({ origin, signingKey, trustedKeys }: LogKeys): LogIdentity {
  const signer = parseSigner(signingKey);
  if (signer.name !== origin) {
    throw new LockkeeperError(
      "configuration",
      `The key that signs the audit log has the name ${signer.name}, and the log's origin is ${origin}. They must be the same: make a key of that name with lockkeeper audit keygen, or set audit.origin.`,
    );
  }
  const vkeys = new Set([signer.verifier, ...trustedKeys]);
  const verifiers = [...vkeys].map(parseVerifier).filter(({ name }) => name === origin);
  return { origin, signer, verifiers };
}

/** `<name>+<key id>`: a verifier key without the key itself, for people. */
export function keyName(vkey: string): string {
  return vkey.split("+").slice(0, 2).join("+");
}
