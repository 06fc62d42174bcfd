import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestDatabase } from "../fixture/postgres.ts";
import type { PostgresServer, ServerSettings } from "../fixture/postgres-server.ts";
import { pause } from "./callers.ts";

/** Where a server keeps its data. */
export async function dataDirectory(database: TestDatabase): Promise<string> {
  const [row] = await database.admin("SHOW data_directory");
  return String(row?.["data_directory"]);
}

/** Stops all processes of a server, as a hung disk or a suspended machine does. @returns lets them go on */
export function suspend(folder: string): () => void {
  const [first = ""] = readFileSync(join(folder, "postmaster.pid"), "utf8").split("\n");
  const parent = Number(first);
  // The parent first: it starts no more then.
  process.kill(parent, "SIGSTOP");
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8").trim().split(" ").map(Number);
  for (const child of children) process.kill(child, "SIGSTOP");
  return () => {
    for (const pid of [parent, ...children]) process.kill(pid, "SIGCONT");
  };
}

/** Starts a server again after `kill`: not before the last process of the one before has seen that its parent is gone. */
export async function restart(server: PostgresServer, settings?: ServerSettings): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await server.start(settings);
    } catch (error) {
      if (tries === 50) throw error;
      await pause(200);
    }
  }
}
