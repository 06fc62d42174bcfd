import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";

/** Whether system calls can be traced and tampered with here. */
export const canTrace: boolean = spawnSync("strace", ["-qq", "-e", "trace=none", "true"]).status === 0;

export interface Tracer {
  /** What strace has written so far. */
  lines(): readonly string[];
  /** How many calls it has tampered with; those that it holds up have not ended yet. */
  injected(): number;
  /** Lets go of the process, which goes on unharmed. */
  stop(): Promise<void>;
}

/**
 * Tampers with the system calls of a running process, all its threads, from now on.
 * @param options of strace: `-e`, `trace=…`, `-e`, `inject=…`, `-P`, a path
 */
export async function attach(pid: number, options: readonly string[]): Promise<Tracer> {
  const tracer = spawn("strace", ["-f", "-y", "-s", "0", "-p", String(pid), ...options], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  tracer.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    said += chunk;
  });
  const ended = once(tracer, "exit");
  let over = false;
  void ended.then(() => {
    over = true;
  });
  while (!isTraced(pid)) {
    if (over) throw new Error(`strace ended: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return {
    lines: () => said.split("\n"),
    injected: () => said.match(/\((?:INJECTED|DELAYED)\)|\w\([^()\n]*(?:<unfinished \.\.\.>)?$/gm)?.length ?? 0,
    async stop() {
      tracer.kill("SIGKILL");
      await ended;
    },
  };
}

/**
 * Starts a Node.js program under strace.
 * @param output whether its standard output is read, or only written down by strace
 */
export function spawnTraced(
  straceOptions: readonly string[],
  program: readonly string[],
  output: "ignore" | "pipe" = "ignore",
): ChildProcess {
  return spawn("strace", [...straceOptions, process.execPath, ...program], { stdio: ["ignore", output, "inherit"] });
}

/** Whether each thread of a process is traced, and has been stopped once so that its next call is seen. */
function isTraced(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) => {
    const tracedBy = /^TracerPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8"))?.[1];
    return tracedBy !== "0";
  });
}
