import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { postgresDatabase } from "../fixture/postgres.ts";
import { startPostgres } from "../fixture/postgres-server.ts";
import { spread } from "./statistics.ts";

const ROUNDS = 5;
const SECONDS = 3;
const INSTANCES = 3;
/** 64 callers in all, about. */
const CALLERS = 21;
const script = fileURLToPath(new URL("audit-postgres-writer.ts", import.meta.url));

/** Records per second of one log in PostgreSQL, written by three instances at once; the server is on the same cores. */
export async function auditPostgres(): Promise<void> {
  const server = await startPostgres();
  const database = await postgresDatabase(server);
  const { url, passwordFile } = database.address;
  const writers = Array.from({ length: INSTANCES }, () =>
    writer([script, url, passwordFile, String(CALLERS), String(SECONDS)]),
  );
  const rates: number[] = [];
  try {
    for (let round = 0; round <= ROUNDS; round += 1) {
      await Promise.all(writers.map((one) => one.ready()));
      const each = await Promise.all(writers.map((one) => one.run()));
      if (round > 0) rates.push(each.reduce((sum, rate) => sum + rate, 0));
    }
  } finally {
    for (const one of writers) one.child.kill("SIGKILL");
    await database.drop();
    await server.remove();
  }
  console.log(
    `  PostgreSQL, one log, ${INSTANCES} instances, ${INSTANCES * CALLERS} callers: ${spread(rates)} records/s (to be at least 3,000)`,
  );
}

interface Writer {
  readonly child: ChildProcess;
  /** Resolves when it has its records at hand. */
  ready(): Promise<void>;
  /** Appends for a round. @returns records per second */
  run(): Promise<number>;
}

function writer(args: readonly string[]): Writer {
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => String((await lines.next()).value);
  return {
    child,
    ready: async () => void (await line()),
    run: async () => {
      child.stdin?.write("\n");
      return Number(await line());
    },
  };
}
