import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Fault } from "../../src/sandbox/iam/faults.ts";
import { attach } from "./strace.ts";

/** The `when`th call of a name that a thread makes from now on. */
export interface Step {
  readonly call: string;
  readonly when: number;
}

/** What is not killed by then was not to be killed by this change. */
const AFTERWARDS_MS = 300;

/**
 * Every call of these names that an act makes a process do.
 * @param calls those by which the world sees something
 */
export async function stepsOf(
  { pid = 0 }: ChildProcess,
  calls: readonly string[],
  act: () => Promise<unknown>,
): Promise<Step[]> {
  const seen = await attach(pid, ["-e", `trace=${calls.join(",")}`]);
  await act();
  const lines = seen.lines();
  await seen.stop();
  return calls.flatMap((call) =>
    Array.from({ length: mostOfAThread(lines, call) }, (_, at) => ({ call, when: 1 + at })),
  );
}

/**
 * Kills a process with SIGKILL at a step of an act. Not every change makes as many calls as the one that was measured.
 * @returns whether it died in the midst of it, and not after its end
 */
async function killAt(child: ChildProcess, { call, when }: Step, act: () => Promise<unknown>): Promise<boolean> {
  const ended = once(child, "exit").then(() => true);
  const tracer = await attach(child.pid ?? 0, [
    "-e",
    `trace=${call}`,
    "-e",
    `inject=${call}:signal=SIGKILL:when=${when}`,
  ]);
  const alive = act().then(() => new Promise<false>((resolve) => setTimeout(resolve, AFTERWARDS_MS, false)));
  const died = await Promise.race([ended, alive]);
  if (!died) child.kill("SIGKILL");
  await ended;
  await tracer.stop();
  return died;
}

/**
 * Kills a process of its own at each step.
 * @param start starts it
 * @returns how many of them died after the act's end only
 */
export async function killAtEach<Started extends { readonly child: ChildProcess }>(
  steps: readonly Step[],
  start: () => Promise<Started>,
  act: (started: Started) => Promise<unknown>,
): Promise<number> {
  let missed = 0;
  for (const step of steps) {
    const started = await start();
    if (!(await killAt(started.child, step, () => act(started)))) missed += 1;
  }
  return missed;
}

/** Moments in a change at which IAM holds it up, and whether IAM has done what was wanted when the gateway dies there. */
export const moments: readonly { readonly name: string; readonly fault: Fault; readonly applied: boolean }[] = [
  // The look at the previous status comes between the intent and the update.
  { name: "between intent and send", fault: { kind: "latency", action: "ListAccessKeys", ms: 900 }, applied: false },
  { name: "before the effect", fault: { kind: "hang", action: "UpdateAccessKey" }, applied: false },
  { name: "between effect and outcome", fault: { kind: "lost", action: "UpdateAccessKey" }, applied: true },
];

/** How many calls of a name the thread made that made most of them. */
function mostOfAThread(lines: readonly string[], call: string): number {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const [, thread = "", name] = /^\[pid +(\d+)\] (\w+)\(/.exec(line) ?? [];
    if (name === call) counts.set(thread, (counts.get(thread) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values());
}
