import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { saves } from "../../../src/cli/dev/saves.ts";
import { testFolder } from "../../policy/signed-bundles.ts";

let folder = testFolder();
const write = (name: string, text: string) => writeFileSync(folder.path(name), text);
beforeEach(() => {
  folder = testFolder();
  mkdirSync(folder.path("sub"));
  write("a.rego", "a");
  write("sub/b.rego", "b");
});
afterEach(() => folder.remove());

/** What is seen when this happens between two looks, one step each; then everything stands still. */
async function seen(steps: readonly (() => void)[]): Promise<(readonly string[])[]> {
  const ended = new AbortController();
  const left = [...steps];
  const sleep = async () => {
    const step = left.shift();
    if (step !== undefined) return step();
    quiet += 1;
    if (quiet > 5) ended.abort();
  };
  let quiet = 0;
  const all: (readonly string[])[] = [];
  for await (const names of saves(folder.path(), { now: () => 0, sleep }, ended.signal)) all.push(names);
  return all;
}
const nothing = () => {};

describe("what is saved in a folder", () => {
  it("is named: changed, added and taken away", async () => {
    const all = [() => write("a.rego", "other"), () => write("c.json", "{}"), () => rmSync(folder.path("sub/b.rego"))];
    for (const [step, name] of [["a.rego"], ["c.json"], ["sub/b.rego"]].map((name, at) => [all[at], name] as const)) {
      expect(await seen([nothing, step ?? nothing])).toEqual([name]);
    }
  });

  it("is one save where an editor writes beside it, renames, and saves other files at once", async () => {
    const rename = () => renameSync(folder.path(".a.swp"), folder.path("a.rego"));
    const steps = [() => write(".a.swp", "new"), rename, () => write("sub/b.rego", "new")];
    expect(await seen(steps)).toEqual([["a.rego", "sub/b.rego"]]);
  });

  it("is two saves where there was quiet between them", async () => {
    const steps = [() => write("a.rego", "1"), nothing, nothing, () => write("a.rego", "two")];
    expect(await seen(steps)).toEqual([["a.rego"], ["a.rego"]]);
  });

  it("is what was saved before anybody asked", async () => {
    const ended = new AbortController();
    const saved = saves(folder.path(), { now: () => 0, sleep: async () => {} }, ended.signal);
    write("a.rego", "before");
    for await (const names of saved) {
      expect(names).toEqual(["a.rego"]);
      ended.abort();
    }
  });

  it("is nothing of other files, of an editor's own, or of a file that is taken away and put back", async () => {
    const steps = [
      () => write("notes.txt", "x"),
      () => write(".a.rego", "x"),
      () => symlinkSync("nowhere", folder.path(".#a.rego")),
      () => write("a.rego~", "x"),
      () => renameSync(folder.path("a.rego"), folder.path("a.rego~")),
      () => renameSync(folder.path("a.rego~"), folder.path("a.rego")),
    ];
    // Renaming changes a file's times: it may be looked at again, for nothing.
    for (const names of await seen(steps)) expect(names).toEqual(["a.rego"]);
    expect(await seen(steps.slice(0, 2))).toEqual([]);
  });

  it("is everything when the folder goes away", async () => {
    expect(await seen([() => folder.remove()])).toEqual([["a.rego", "sub/b.rego"]]);
  });
});
