import type { Writable } from "node:stream";

/** One Ctrl-C arrives as several signals: the terminal's own, and copies from npm and the launcher. */
const COPIES_MS = 1_000;

/**
 * Resolves at the first SIGTERM or SIGINT. What follows within a second is the same one again; a signal after that ends
 * the process at once.
 */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let first: number | undefined;
    const onSignal = (signal: NodeJS.Signals) => {
      first ??= performance.now();
      if (performance.now() - first > COPIES_MS) endAtOnce(signal);
      resolve(signal);
    };
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, onSignal);
  });
}

/**
 * Ends this process and waits for nothing. `process.exit` does wait: for the audit thread, which may hang in a disk.
 * @param signal by which it is to be seen to have ended
 */
export function endAtOnce(signal: NodeJS.Signals): never {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // Only the first process of a container is still here: the kernel keeps its own signals from it.
  process.abort();
}

/**
 * Runs something that prints much, and resolves when all of it has been taken: what is still on its way into a pipe is
 * lost when the process exits. Whoever reads may also have had enough, as head(1): the rest is for nobody then.
 * @param stdout standard output
 */
export async function untilTaken<T>(stdout: Writable, run: () => Promise<T>): Promise<T> {
  stdout.on("error", () => {});
  const result = await run();
  await new Promise<void>((resolve) => stdout.write("", () => resolve()));
  return result;
}
