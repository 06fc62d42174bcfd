import { randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { LockkeeperError } from "./errors.ts";

/** Longer files are no keys. */
const MAX_FILE_BYTES = 4_096;

/** How errors speak of a file that holds a secret. */
export interface SecretWords {
  /** `signing key`. */
  readonly what: string;
  /** The command that makes one, without the file. */
  readonly make: string;
  /** What whoever reads it could do: `sign a false log`. */
  readonly danger: string;
}

/**
 * The text of a file that its owner alone can read, without the newline at its end.
 * @throws LockkeeperError `configuration`, which names the file and never what is in it
 */
export function readSecretFile(file: string, words: SecretWords): string {
  const { what, danger } = words;
  const descriptor = open(file, words);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw secretFault(`The ${what} ${file} is not a file.`);
    if (isOpenToOthers(stats)) {
      throw secretFault(
        `The ${what} ${file} can be read by others than its owner, who could ${danger} with it. Run: chmod 600 ${file}, and make a new key if they may have read it.`,
      );
    }
    const content = Buffer.alloc(MAX_FILE_BYTES);
    return content.toString("utf8", 0, readSync(descriptor, content)).replace(/\r?\n$/, "");
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Keeps a text in a new file that only its owner can read. The file appears whole or not at all, and of two that try at
 * once one does.
 * @returns false when the file is there already, which is left as it is
 * @throws LockkeeperError `configuration` when its folder cannot be written
 */
export function createSecretFile(file: string, text: string): boolean {
  const draft = `${file}.${randomUUID()}`;
  try {
    return writingSecret(file, () => {
      writeDurably(draft, `${text}\n`);
      // Unlike a rename, a link does not replace what is there.
      if (!linked(draft, file)) return false;
      syncFolder(dirname(file));
      return true;
    });
  } finally {
    rmSync(draft, { force: true });
  }
}

/** @throws LockkeeperError `configuration` for what fails in `write` */
export function writingSecret<T>(file: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    throw secretFault(
      `The key cannot be written to ${file}: ${codeOf(cause)}. Its folder must exist and be yours.`,
      cause,
    );
  }
}

export function secretFault(message: string, cause?: unknown): LockkeeperError {
  return new LockkeeperError("configuration", message, {}, cause === undefined ? undefined : { cause });
}

function open(file: string, { what, make }: SecretWords): number {
  try {
    // Opening a pipe that nobody writes to would hang.
    return openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const message =
      codeOf(cause) === "ENOENT"
        ? `There is no ${what} at ${file}. Make one: ${make} ${file}`
        : `The ${what} ${file} cannot be read: ${codeOf(cause)}. The user that Lockkeeper runs as must own it.`;
    throw secretFault(message, cause);
  }
}

/**
 * As PostgreSQL judges its server's key: a file of our own is for us alone; one that root has put there for us, as
 * Kubernetes mounts a secret, may be readable by our group.
 */
function isOpenToOthers({ mode, uid }: Stats): boolean {
  const own = uid === process.getuid?.();
  return (mode & (own ? 0o077 : 0o037)) !== 0;
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
