import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Acknowledged } from "../acknowledged.ts";
import { leafHashes } from "../gate.ts";
import { seededRandom } from "../random.ts";
import { spawnTraced } from "../strace.ts";
import { Disk } from "./disk.ts";
import type { Effect } from "./effect.ts";
import { replay } from "./replay.ts";
import { readTrace, traceOptions } from "./trace.ts";

export interface PowerCutOptions {
  /** Records that the writer appends, and how many callers it has. */
  readonly records: number;
  readonly callers: number;
  readonly cuts: number;
  readonly seed: number;
  /** A program of this folder that is loaded into the writer before it: the double of a control. */
  readonly double?: string;
  /** More options for strace, to tamper with the writer's calls. */
  readonly inject?: readonly string[];
}

export interface PowerCuts {
  readonly cuts: number;
  /** Records that the writer acknowledged. */
  readonly acknowledged: number;
  /** Syncs that failed. */
  readonly failedSyncs: number;
  readonly failedWrites: number;
  /** Replays in which acknowledged records were lost, and how many the worst of them lost. */
  readonly losing: number;
  readonly worst: number;
  /** Of all replays: records acknowledged before the cut, those of them that were lost, and those that nobody wrote. */
  readonly held: number;
  readonly lost: number;
  readonly unexplained: number;
  /** What kept a log from verifying or from taking more. */
  readonly faults: readonly string[];
}

const program = (name: string) => fileURLToPath(new URL(`../programs/${name}`, import.meta.url));

/**
 * Lets the writer write under strace, and then cuts the power as often as wanted, each time at another moment and with
 * another part of what was not synced on the disk.
 */
export async function powerCuts(options: PowerCutOptions): Promise<PowerCuts> {
  const work = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "lockkeeper-power-"));
  const data = join(work, "data");
  mkdirSync(data);
  try {
    const trace = join(work, "trace");
    await write(options, data, trace);
    return await cut(options, await readTrace(trace, data), leafHashes(join(data, "lockkeeper.db")), join(work, "cut"));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function write({ records, callers, double, inject = [] }: PowerCutOptions, data: string, trace: string) {
  const preload = double === undefined ? [] : ["--import", program(double)];
  const writer = [program("log-writer.ts"), join(data, "lockkeeper.db"), String(records), String(callers)];
  const child = spawnTraced([...traceOptions, ...inject, "-o", trace], [...preload, ...writer]);
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`the writer ended with ${code}`);
}

async function cut(
  { cuts, seed }: PowerCutOptions,
  effects: readonly Effect[],
  written: readonly string[],
  folder: string,
): Promise<PowerCuts> {
  const random = seededRandom(seed);
  // One in each of as many stretches.
  const moments = new Set(Array.from({ length: cuts }, (_, n) => Math.floor(((n + random()) * effects.length) / cuts)));
  const disk = new Disk();
  const acknowledged: Acknowledged[] = [];
  const faults: string[] = [];
  let [losing, worst, held, lost, unexplained, failedSyncs, failedWrites] = [0, 0, 0, 0, 0, 0, 0];
  for (const [moment, effect] of effects.entries()) {
    if (moments.has(moment)) {
      const seen = await replay(folder, disk.afterPowerCut(random), acknowledged, written);
      held += acknowledged.length;
      lost += seen.lost;
      losing += seen.lost > 0 ? 1 : 0;
      worst = Math.max(worst, seen.lost);
      unexplained += seen.unexplained;
      if (seen.fault !== undefined) faults.push(`after ${acknowledged.length} acknowledged records: ${seen.fault}`);
    }
    disk.apply(effect);
    if (effect.kind === "acknowledge") acknowledged.push(effect.acknowledged);
    failedSyncs += effect.kind === "sync" && effect.failed ? 1 : 0;
    failedWrites += effect.kind === "write" && effect.data.length === 0 ? 1 : 0;
  }
  return {
    cuts,
    acknowledged: acknowledged.length,
    failedSyncs,
    failedWrites,
    losing,
    worst,
    held,
    lost,
    unexplained,
    faults,
  };
}
