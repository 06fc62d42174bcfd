import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";

/** Records in a database that may be anything; it is left as it is found. Undefined when it is no log. */
export function sizeOf(file: string): number | undefined {
  const url = pathToFileURL(file);
  // https://www.sqlite.org/uri.html: "immutable" makes no files beside it, and takes none there for its own.
  url.searchParams.set("immutable", "1");
  url.searchParams.set("mode", "ro");
  try {
    const db = new DatabaseSync(url);
    try {
      return Number(db.prepare("SELECT coalesce(max(size), 0) AS size FROM checkpoints").get()?.["size"]);
    } finally {
      db.close();
    }
  } catch {
    return undefined;
  }
}
