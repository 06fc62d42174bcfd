import { mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";

/**
 * Writes a file for this user only, in a folder that is made when it is missing. It is durable when this resolves; a
 * power cut leaves the file as it was, or as it is to be.
 */
export async function replaceFile(folder: string, name: string, content: string | Uint8Array): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const beside = join(folder, `${name}.${process.pid}.new`);
  const handle = await open(beside, "w", 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(beside, join(folder, name));
  const directory = await open(folder, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
