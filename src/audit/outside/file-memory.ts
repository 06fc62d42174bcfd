import { type FileHandle, open, rename, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { type Kept, keptCheckpoint } from "./kept-checkpoint.ts";
import { MAX_CHECKPOINT_BYTES, type OutsideMemory } from "./memory.ts";
import { OneAtATime } from "./one-at-a-time.ts";

export interface FileMemoryOptions {
  /** Its folder exists: one that is not mounted must not look like an empty memory. */
  readonly file: string;
  /** Milliseconds for one look or one write. */
  readonly timeoutMs: number;
}

/**
 * Remembers the newest checkpoint in a file: on another disk, a network share, a mounted bucket. It is replaced as a whole
 * and synced with its folder, so that a power cut leaves the one or the other.
 */
export function fileMemory({ file, timeoutMs }: FileMemoryOptions): OutsideMemory {
  const one = new OneAtATime(timeoutMs);
  return keptCheckpoint({
    name: `file ${file}`,
    read: () => one.run(() => read(file)),
    write: (text) => one.run(() => write(file, text)),
  });
}

async function read(file: string): Promise<Kept | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(file, "r");
  } catch (error) {
    if (!isMissing(error)) throw error;
    await stat(dirname(file));
    return undefined;
  }
  try {
    const { size } = await handle.stat();
    if (size > MAX_CHECKPOINT_BYTES) throw new Error(`more than ${MAX_CHECKPOINT_BYTES} bytes are in it`);
    return { text: await handle.readFile("utf8") };
  } finally {
    await handle.close();
  }
}

async function write(file: string, text: string): Promise<void> {
  // On a share several gateways write, and in containers each of them is process 1.
  const beside = `${file}.${hostname()}.${process.pid}.new`;
  await synced(beside, "w", (handle) => handle.writeFile(text));
  await rename(beside, file);
  await synced(dirname(file), "r");
}

async function synced(path: string, flags: "r" | "w", write?: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(path, flags, 0o644);
  try {
    await write?.(handle);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
