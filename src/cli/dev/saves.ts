import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import type { Clock } from "../../clock.ts";
import { fileVersion } from "../../policy/bundle-files.ts";

/** Milliseconds between two looks; of nothing changing before a save counts as complete. */
const LOOK_MS = 200;
const SETTLE_MS = 100;
/** More entries than any folder of policies has: looking at one that was meant to be another ends. */
const MAX_ENTRIES = 10_000;

/**
 * What is saved in a folder of policies, until the signal aborts: each time the names of the Rego and JSON files that were
 * changed, added or taken away. It looks again and again, for what an operating system tells of changes differs with how
 * an editor saves and where the folder is. Files that are saved shortly after one another are one save.
 * @throws Error when the folder holds too much
 */
export function saves(folder: string, clock: Clock, signal: AbortSignal): AsyncIterable<readonly string[]> {
  // Before anybody asks for the first: what is saved until then is one of them.
  return savesSince(versionsIn(folder), folder, clock, signal);
}

async function* savesSince(
  start: Versions,
  folder: string,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  let known = start;
  while (await slept(LOOK_MS, clock, signal)) {
    let now = versionsIn(folder);
    if (changed(known, now).length === 0) continue;
    for (let before = known; changed(before, now).length > 0; ) {
      if (!(await slept(SETTLE_MS, clock, signal))) return;
      [before, now] = [now, versionsIn(folder)];
    }
    const names = changed(known, now);
    known = now;
    // What was put back meanwhile has not been saved.
    if (names.length > 0) yield names;
  }
}

type Versions = ReadonlyMap<string, string>;

function changed(before: Versions, after: Versions): string[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((name) => before.get(name) !== after.get(name))
    .sort();
}

/** An editor renames and removes while this looks: what is gone by then is not there. */
function versionsIn(folder: string): Versions {
  const entries = unlessGone(() => readdirSync(folder, { recursive: true, withFileTypes: true })) ?? [];
  if (entries.length > MAX_ENTRIES)
    throw new Error(`${folder} holds more than ${MAX_ENTRIES} files: name another folder`);
  return new Map(
    entries
      .filter((entry) => entry.isFile() && /^[^.].*\.(rego|json)$/.test(entry.name))
      .flatMap((entry) => {
        const path = join(entry.parentPath, entry.name);
        const version = unlessGone(() => fileVersion(path));
        return version === undefined ? [] : [[relative(folder, path), version] as const];
      }),
  );
}

function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

async function slept(ms: number, clock: Clock, signal: AbortSignal): Promise<boolean> {
  await clock.sleep(ms, signal).catch(() => {});
  return !signal.aborted;
}
