import { promisify } from "node:util";
import { gunzipSync, gzip, gzipSync } from "node:zlib";

const BLOCK = 512;
/** A bundle is a few hundred KiB; more than this unpacked is refused, however small it was packed. */
export const MAX_UNPACKED = 64 * 1024 * 1024;

/**
 * Unpacks a gzipped tar archive of regular files, which is what OPA bundles are (POSIX.1-1988 ustar). Names lose a
 * leading `./` or `/`.
 * @throws Error when it is cut short, over 64 MiB unpacked, holds anything but files and folders, one name twice,
 *   or a name with `.`, `..` or nothing between two slashes
 */
export function readArchive(packed: Uint8Array): ReadonlyMap<string, Uint8Array<ArrayBuffer>> {
  const tar = unzipped(packed);
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (let at = 0; ; ) {
    const header = tar.subarray(at, at + BLOCK);
    if (header.length < BLOCK) throw new Error("the archive is cut short");
    if (header.every((byte) => byte === 0)) return files;

    const name = [text(header, 345, 155), text(header, 0, 100)].filter((part) => part !== "").join("/");
    const size = octal(header, 124, 12);
    const type = text(header, 156, 1);
    const start = at + BLOCK;
    if (start + size > tar.length) throw new Error("the archive is cut short");
    if (type === "0" || type === "") {
      const path = name.replace(/^\.?\/+/, "");
      if (/(?:^|\/)\.{0,2}(?:\/|$)/.test(path)) throw new Error(`the archive names a file oddly: ${path}`);
      if (files.has(path)) throw new Error(`the archive holds ${path} twice`);
      files.set(path, Uint8Array.from(tar.subarray(start, start + size)));
    } else if (type !== "5") {
      throw new Error(`the archive holds something that is no file: ${name}`);
    }
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
}

function unzipped(packed: Uint8Array): Buffer {
  try {
    return gunzipSync(packed, { maxOutputLength: MAX_UNPACKED });
  } catch (cause) {
    const isTooLarge = cause instanceof RangeError;
    const message = isTooLarge ? "the archive unpacks to more than 64 MiB" : "it is no gzip archive, or a part of one";
    throw new Error(message, { cause });
  }
}

/**
 * Packs files as {@link readArchive} and OPA read them. The same files give the same bytes.
 * @throws RangeError for a name of more than 100 bytes
 */
export function writeArchive(files: ReadonlyMap<string, Uint8Array>): Buffer {
  return gzipSync(tarOf(files));
}

/** {@link writeArchive} in a thread of its own: compressing takes as long as many requests. */
export function packArchive(files: ReadonlyMap<string, Uint8Array>): Promise<Buffer> {
  return promisify(gzip)(tarOf(files));
}

function tarOf(files: ReadonlyMap<string, Uint8Array>): Buffer {
  const blocks = [...files]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, content]) => [
      headerOf(`/${name}`, content.length),
      content,
      Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK),
    ]);
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

function headerOf(name: string, size: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw new RangeError("a file's name has more than 100 bytes");
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0);
  header.write("0000600\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write(" ".repeat(8), 148);
  header.write("0", 156);
  header.write("ustar\x0000", 257);
  // The checksum counts its own field as blanks.
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** A field of a header: text up to its first NUL. */
function text(header: Buffer, offset: number, length: number): string {
  const field = header.toString("utf8", offset, offset + length);
  const end = field.indexOf("\0");
  return end === -1 ? field : field.slice(0, end);
}

function octal(header: Buffer, offset: number, length: number): number {
  const digits = text(header, offset, length).trim();
  if (!/^[0-7]{1,11}$/.test(digits)) throw new Error("the archive has a malformed header");
  return Number.parseInt(digits, 8);
}
