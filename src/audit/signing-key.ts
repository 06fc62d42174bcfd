import { randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { LockkeeperError } from "../errors.ts";
import { generateKey, NoteError, parseSigner, parseVerifier } from "../tlog/note.ts";
import type { LogKeys } from "./log-keys.ts";

/** Longer files are no keys. */
const MAX_FILE_BYTES = 4_096;

/**
 * The key that signs the log's heads, from its file: `PRIVATE+KEY+…` as `lockkeeper audit keygen` writes it.
 * @returns the secret key, which parses
 * @throws LockkeeperError `configuration`, which names the file and never what is in it
 */
export function readSigningKey(file: string): string {
  const text = readOwnFile(file).replace(/\r?\n$/, "");
  try {
    parseSigner(text);
    return text;
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    // No cause: what is in the file may be another secret.
    throw fault(`The signing key file ${file} holds no key that can sign: ${whatElse(text) ?? error.message}`);
  }
}

/**
 * A log's own key, made when it is asked for the first time: for the sandbox, which nobody configures.
 * @throws LockkeeperError `configuration` when the file is there and holds anything else, as the key of another log
 */
export function keepOwnSigningKey(file: string, origin: string): string {
  if (!existsSync(file)) {
    writing(file, () => mkdirSync(dirname(file), { recursive: true, mode: 0o700 }));
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
  const draft = `${file}.${randomUUID()}`;
  try {
    return writing(file, () => {
      writeDurably(draft, `${signer}\n`);
      // Unlike a rename, a link does not replace what is there.
      if (!linked(draft, file)) return undefined;
      syncFolder(dirname(file));
      return verifier;
    });
  } finally {
    rmSync(draft, { force: true });
  }
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
        throw fault(`${name} is the key of another log: its name is not audit.origin (${origin}).`);
    } catch (error) {
      if (!(error instanceof NoteError)) throw error;
      throw fault(`${name} is no public key of a log, as \`lockkeeper audit key\` prints it: ${error.message}`, error);
    }
  }
  return { origin, signingKey, trustedKeys: [...new Set([own, ...formerKeys])] };
}

/** @returns the public key */
function checkName(signingKey: string, origin: string, where: string): string {
  const { name, verifier } = parseSigner(signingKey);
  if (name === origin) return verifier;
  throw fault(
    `${where} is the key of another log: it was made for ${name}, and the log's origin (audit.origin) is ${origin}. Set audit.origin, or make a key: lockkeeper audit keygen --origin ${origin} --out FILE`,
  );
}

function keyFor(origin: string): { signer: string; verifier: string } {
  try {
    return generateKey(origin);
  } catch (cause) {
    if (!(cause instanceof NoteError)) throw cause;
    throw fault("A log's origin is a name like example.com/lockkeeper, without spaces and plus signs.", cause);
  }
}

function readOwnFile(file: string): string {
  const missing = `There is no signing key at ${file}. Make one: lockkeeper audit keygen --origin NAME --out ${file}`;
  const descriptor = open(file, (cause) => (codeOf(cause) === "ENOENT" ? missing : unreadable(file, cause)));
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw fault(`The signing key ${file} is not a file.`);
    if (isOpenToOthers(stats)) {
      throw fault(
        `The signing key ${file} can be read by others than its owner, who could sign a false log with it. Run: chmod 600 ${file}, and make a new key if they may have read it.`,
      );
    }
    const content = Buffer.alloc(MAX_FILE_BYTES);
    return content.toString("utf8", 0, readSync(descriptor, content));
  } finally {
    closeSync(descriptor);
  }
}

function open(file: string, message: (cause: unknown) => string): number {
  try {
    // Opening a pipe that nobody writes to would hang.
    return openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw fault(message(cause), cause);
  }
}

function unreadable(file: string, cause: unknown): string {
  return `The signing key ${file} cannot be read: ${codeOf(cause)}. The user that Lockkeeper runs as must own it.`;
}

/**
 * As PostgreSQL judges its server's key: a file of our own is for us alone; one that root has put there for us, as
 * Kubernetes mounts a secret, may be readable by our group.
 */
function isOpenToOthers({ mode, uid }: Stats): boolean {
  const own = uid === process.getuid?.();
  return (mode & (own ? 0o077 : 0o037)) !== 0;
}

/** What people put there by mistake. */
function whatElse(text: string): string | undefined {
  if (text === "") return "It is empty.";
  if (text.includes("-----BEGIN")) return "It is PEM; a key is made with `lockkeeper audit keygen`.";
  if (/^[^+\s]+\+[0-9a-f]{8}\+\S+$/.test(text) && !text.startsWith("PRIVATE")) return "It is a public key.";
  return undefined;
}

function writing<T>(file: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    throw fault(`The key cannot be written to ${file}: ${codeOf(cause)}. Its folder must exist and be yours.`, cause);
  }
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (cause) {
    if (codeOf(cause) === "EEXIST") return false;
    throw cause;
  }
}

function writeDurably(file: string, text: string): void {
  const descriptor = openSync(file, "wx", 0o600);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
}

function fault(message: string, cause?: unknown): LockkeeperError {
  return new LockkeeperError("configuration", message, {}, cause === undefined ? undefined : { cause });
}
