import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const started: ChildProcess[] = [];

/** Starts a Node.js program and resolves with it and its URL when it prints a line with one. */
export async function startProgram(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", NODE_ENV: "production", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  started.push(child);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${args.join(" ")} ended with ${code}`)));
    // Read to the end, so that a full pipe never holds the program up.
    createInterface({ input: child.stdout }).on("line", (line) => {
      const url = /https?:\/\/[^\s"]+:\d+/.exec(line)?.[0];
      if (url !== undefined) resolve({ child, url });
    });
  });
}

export async function stopAll(): Promise<void> {
  await Promise.all(
    started
      .filter((child) => child.exitCode === null && child.signalCode === null)
      .map((child) => {
        const ended = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGTERM");
        return ended;
      }),
  );
}

/** The most memory that a running process has had resident, in MB (Linux: VmHWM). */
export function peakResidentMb(child: ChildProcess): number {
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}
