import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Clock } from "../../clock.ts";
import { LockkeeperError } from "../../errors.ts";
import { stopSignal } from "../end.ts";
import type { Output } from "../keys.ts";
import { serveSandbox } from "../serve-sandbox.ts";
import { serveUntil } from "../serving.ts";
import { Desk } from "./desk.ts";
import { zoneWithHour } from "./hour.ts";
import { saves } from "./saves.ts";
import { Workshop } from "./workshop.ts";

/** The options of `lockkeeper dev` as they were typed. */
export interface DevArguments {
  readonly policies?: string;
  readonly data?: string;
  readonly hour?: string;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const shipped = { policies: here("../../../policies"), data: here("../../sandbox/site.json") };
/** The gateway looks this often for what was saved. */
const POLL_MS = 100;

/**
 * `lockkeeper dev`: the sandbox, which takes policies and data whenever they are saved, and tells what that flips.
 * @returns the exit code: 0 after a signal, 1 when it had to give up or could not stop in order
 * @throws LockkeeperError when it cannot start
 */
export async function dev(typed: DevArguments, clock: Clock, output: Output): Promise<0 | 1> {
  const policies = resolve(typed.policies ?? shipped.policies);
  const data = resolve(typed.data ?? (typed.policies === undefined ? shipped.data : join(policies, "data.json")));
  const timeZone = typed.hour === undefined ? undefined : zoneWithHour(hourOf(typed.hour), clock.now());
  const signalled = stopSignal();
  const stopped = new AbortController();
  const out = mkdtempSync(join(tmpdir(), "lockkeeper-dev-"));
  try {
    const workshop = new Workshop(policies, out, stopped.signal);
    const desk = new Desk(workshop, data, output);
    // Before the first build: what is saved during it is seen.
    const saved = saves(policies, clock, stopped.signal);
    await desk.first();
    const serving = await serveSandbox({
      policies: { policyBundle: workshop.bundle },
      policy: { dataFile: data, pollMs: POLL_MS, ...(timeZone !== undefined && { timeZone }) },
      onPolicyEvent: (event) => desk.heard(event),
    });
    desk.open(serving.config);
    output.print(`Each save in ${policies} and of ${data} comes into force here.\n`);
    const working = desk.work(saved);
    const code = await serveUntil(signalled, serving);
    stopped.abort();
    await working;
    return code;
  } finally {
    stopped.abort();
    rmSync(out, { recursive: true, force: true });
  }
}

function hourOf(text: string): number {
  const hour = Number(text);
  if (/^\d{1,2}$/.test(text) && hour <= 23) return hour;
  throw new LockkeeperError("malformed-request", "--hour: Give a full hour, 0 to 23.");
}
