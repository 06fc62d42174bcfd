import { readFileSync } from "node:fs";
import { LockkeeperError } from "../errors.ts";

/** Receipts are some kilobytes; the largest record makes a hundred. */
const MAX_FILE_BYTES = 2_000_000;

/** @throws LockkeeperError `malformed-request` when it cannot be read, is too large, or is no text */
export function readText(file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readBytes(file));
  } catch (cause) {
    if (cause instanceof LockkeeperError) throw cause;
    throw new LockkeeperError("malformed-request", `${file} is not UTF-8 text.`, {}, { cause });
  }
}

/** @throws LockkeeperError `malformed-request` when it cannot be read, or is too large */
export function readBytes(file: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
    throw new LockkeeperError("malformed-request", `${file} cannot be read: ${code}.`, {}, { cause });
  }
  if (bytes.length > MAX_FILE_BYTES) throw new LockkeeperError("malformed-request", `${file} is too large.`);
  return bytes;
}
