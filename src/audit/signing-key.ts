import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { createSecretFile, readSecretFile, secretFault, writingSecret } from "../secret-file.ts";
import { generateKey, NoteError, parseSigner, parseVerifier } from "../tlog/note.ts";
import type { LogKeys } from "./log-keys.ts";

const words = {
  what: "signing key",
  make: "lockkeeper audit keygen --origin NAME --out",
  danger: "sign a false log",
} as const;

/**
 * The key that signs the log's heads, from its file: `PRIVATE+KEY+…` as `lockkeeper audit keygen` writes it.
 * @returns the secret key, which parses
 * @throws LockkeeperError `configuration`, which names the file and never what is in it
 */
export function readSigningKey(file: string): string {
  const text = readSecretFile(file, words);
  try {
    parseSigner(text);
    return text;
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    // No cause: what is in the file may be another secret.
    throw secretFault(`The signing key file ${file} holds no key that can sign: ${whatElse(text) ?? error.message}`);
  }
}

/**
 * A log's own key, made when it is asked for the first time: for the sandbox, which nobody configures.
 * @throws LockkeeperError `configuration` when the file is there and holds anything else, as the key of another log
 */
export function keepOwnSigningKey(file: string, origin: string): string {
  if (!existsSync(file)) {
    writingSecret(file, () => mkdirSync(dirname(file), { recursive: true, mode: 0o700 }));
    createSigningKey(file, origin);
  }
  const key = readSigningKey(file);
  checkName(key, origin, file);
  return key;
}

/**
 * Makes a key and keeps it in a new file that only its owner can read. The file appears whole or not at all, and two
 * that try at once end with one key.
 * @param origin the log's name, and the key's
 * @returns its public key; undefined when the file is there already, which is left as it is
 * @throws LockkeeperError `configuration` for an origin that no key can have, or a folder that cannot be written
 */
export function createSigningKey(file: string, origin: string): string | undefined {
  const { signer, verifier } = keyFor(origin);
  return createSecretFile(file, signer) ? verifier : undefined;
}

export interface ConfiguredKeys {
  readonly origin: string;
  /** As `readSigningKey` returns it. */
  readonly signingKey: string;
  /** Public keys that signed the log before. */
  readonly formerKeys: readonly string[];
}

/**
 * The keys of a log: the one that signs, and all under which a head of it is believed.
 * @throws LockkeeperError `configuration` when one of them is no key, or a key of another log
 */
export function logKeys({ origin, signingKey, formerKeys }: ConfiguredKeys): LogKeys {
  const own = checkName(signingKey, origin, "audit.signingKeyFile");
  for (const [at, vkey] of formerKeys.entries()) {
    const name = `audit.formerKeys[${at}]`;
    try {
      if (parseVerifier(vkey).name !== origin)
        throw secretFault(`${name} is the key of another log: its name is not audit.origin (${origin}).`);
    } catch (error) {
      if (!(error instanceof NoteError)) throw error;
      throw secretFault(
        `${name} is no public key of a log, as \`lockkeeper audit key\` prints it: ${error.message}`,
        error,
      );
    }
  }
  return { origin, signingKey, trustedKeys: [...new Set([own, ...formerKeys])] };
}

/** @returns the public key */
function checkName(signingKey: string, origin: string, where: string): string {
  const { name, verifier } = parseSigner(signingKey);
  if (name === origin) return verifier;
  throw secretFault(
    `${where} is the key of another log: it was made for ${name}, and the log's origin (audit.origin) is ${origin}. Set audit.origin, or make a key: lockkeeper audit keygen --origin ${origin} --out FILE`,
  );
}

function keyFor(origin: string): { signer: string; verifier: string } {
  try {
    return generateKey(origin);
  } catch (cause) {
    if (!(cause instanceof NoteError)) throw cause;
    throw secretFault("A log's origin is a name like example.com/lockkeeper, without spaces and plus signs.", cause);
  }
}

/** What people put there by mistake. */
function whatElse(text: string): string | undefined {
  if (text === "") return "It is empty.";
  if (text.includes("-----BEGIN")) return "It is PEM; a key is made with `lockkeeper audit keygen`.";
  if (/^[^+\s]+\+[0-9a-f]{8}\+\S+$/.test(text) && !text.startsWith("PRIVATE")) return "It is a public key.";
  return undefined;
}
