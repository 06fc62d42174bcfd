import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeExport } from "../../src/audit/export/write-export.ts";
import type { LogEntry, LogReader } from "../../src/audit/log-reader.ts";
import { openSqliteReader } from "../../src/audit/sqlite/reader.ts";
import { formatCheckpoint } from "../../src/tlog/checkpoint.ts";
import { GrowingTree, type TreeNode } from "../../src/tlog/growing-tree.ts";
import { leafHash } from "../../src/tlog/hash.ts";
import { generateKey, parseSigner, signNote } from "../../src/tlog/note.ts";
import { appended, everyWay } from "../audit/verify/real-log.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { openToChange } from "../fixture/database.ts";
import { nextTestKey, rotatedLogKeys, testKey } from "../fixture/log-keys.ts";
import { buildSecondImplementation, secondOpinion } from "./go.ts";

const folder = dataFolder();
afterAll(() => folder.remove());
const binary = join(folder.path, "second-implementation");
const missing = buildSecondImplementation(binary);
if (missing !== undefined) console.warn(`SKIPPED: the second implementation cannot be built here: ${missing}`);

const keysFile = (name: string, ...keys: string[]) => {
  const file = join(folder.path, name);
  writeFileSync(file, keys.map((key) => `${key}\n`).join(""));
  return file;
};
const opinions = (keys: string, ...paths: string[]) => secondOpinion(binary, "export", keys, paths);

/** The log of a real store under two keys, exported; some of its bodies are gone, as pruning leaves it. */
async function realExport(path: string): Promise<void> {
  await appended(folder.database, everyWay);
  await appended(folder.database, (log) => log.denied(5), rotatedLogKeys);
  const db = openToChange(folder.database);
  db.exec("UPDATE records SET body = NULL WHERE idx IN (3, 4, 5, 9)");
  db.close();
  const reader = openSqliteReader(folder.database);
  await writeExport(reader, path);
  await reader.close();
}

/** Names of all files of an export. */
const filesOf = (path: string) =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(path, join(entry.parentPath, entry.name)))
    .toSorted();

describe.skipIf(missing !== undefined)("Go's golang.org/x/mod/sumdb/note and tlog", () => {
  const whole = join(folder.path, "export");
  const trusted = keysFile("trusted", nextTestKey.verifier);
  let copies = 0;
  beforeAll(() => realExport(whole));

  /** A copy of the export with something done to it, which must not write into a file but put another in its place. */
  const changed = (change: (path: string) => void) => {
    copies += 1;
    const path = join(folder.path, `copy-${copies}`);
    for (const file of filesOf(whole)) {
      mkdirSync(dirname(join(path, file)), { recursive: true });
      linkSync(join(whole, file), join(path, file));
    }
    change(path);
    return path;
  };
  /** What is said of copies of the export with these changes; the copies are gone then. */
  const saidOf = (...changes: ((path: string) => void)[]) => {
    const paths = changes.map(changed);
    const said = opinions(trusted, ...paths);
    for (const path of paths) rmSync(path, { recursive: true });
    return said;
  };
  const replace = (file: string, content: string | Uint8Array) => {
    rmSync(file);
    writeFileSync(file, content);
  };

  it("verify an export with every head that was ever signed, under the key of today", () => {
    expect(opinions(trusted, whole)[0]).toMatch(
      /^ok: 3\d\d records, 4 of them pruned, and \d\d heads of lockkeeper.test\/log$/,
    );
    // A key that no head was signed with says nothing; the former key does not vouch for the newest head.
    const stranger = keysFile("stranger", generateKey("lockkeeper.test/log").verifier);
    expect(opinions(stranger, whole)[0]).toMatch(/^WRONG: keys/);
    expect(opinions(keysFile("former", testKey.verifier), whole)[0]).toMatch(/^WRONG: checkpoint/);
  });

  it("do not verify it with one bit changed in any of its files", () => {
    const files = filesOf(whole);
    expect(files.length).toBeGreaterThanOrEqual(10);
    for (const file of files) {
      const content = readFileSync(join(whole, file));
      const all = 8 * content.length;
      // Three bits of each byte of a short file, with the one between small and capital letters; 24 of a long one.
      const bits =
        content.length <= 300
          ? Array.from({ length: all }, (_, bit) => bit).filter((bit) => [0, 5, 7].includes(bit % 8))
          : Array.from({ length: 24 }, (_, at) => Math.round(((all - 1) * at) / 23));
      const flips = bits.map((bit) => {
        const flipped = Buffer.from(content);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        return (path: string) => replace(join(path, file), flipped);
      });
      for (const said of saidOf(...flips)) expect(`${file}: ${said}`).toMatch(/: WRONG: /);
    }
  });

  it("do not verify it without any of its files, or with one more", () => {
    for (const said of saidOf(...filesOf(whole).map((file) => (path: string) => rmSync(join(path, file)))))
      expect(said).toMatch(/^WRONG: /);
    const stray = (name: string) => (path: string) => {
      mkdirSync(join(path, "tile", "0"), { recursive: true });
      writeFileSync(join(path, name), "");
    };
    for (const said of saidOf(stray("tile/0/007"), stray("more"))) expect(said).toMatch(/is no part of the export/);
  });

  it("do not verify it with a head of another tree among the older ones, even under the log's own key", () => {
    const forged = signNote(
      formatCheckpoint({ origin: "lockkeeper.test/log", size: 1, root: leafHash("another record") }),
      [parseSigner(testKey.signer)],
    );
    const [said] = saidOf((path) => {
      const file = join(path, "checkpoints");
      const [, ...rest] = readFileSync(file, "utf8").split("---\n");
      replace(file, [forged, ...rest].join("---\n"));
    });
    expect(said).toMatch(/the head of 1 records is not a prefix of the newest/);
  });

  it("do not verify it with a record exchanged together with its leaf", () => {
    const [said] = saidOf((path) => {
      const bundle = readFileSync(join(path, "tile/entries/000"));
      const first = bundle.subarray(2, 2 + bundle.readUInt16BE());
      first.write("{", first.length - 1);
      replace(join(path, "tile/entries/000"), bundle);
      const leaves = readFileSync(join(path, "tile/0/000"));
      leafHash(first).copy(leaves);
      replace(join(path, "tile/0/000"), leaves);
    });
    expect(said).toMatch(/^WRONG: .*(inconsistent|downloaded)/);
  });

  it("verify one of more than 65,536 records, with tiles of three levels", async () => {
    const path = join(folder.path, "large");
    const { signer, verifier } = generateKey("example.com/large");
    await writeExport(manyRecords(65_536 + 300, signer, verifier), path);
    expect(filesOf(path)).toContain("tile/2/000.p/1");
    expect(opinions(keysFile("large-key", verifier), path)[0]).toBe(
      "ok: 65836 records, 0 of them pruned, and 4 heads of example.com/large",
    );
  });
});

/** A log of so many small records in memory, for the layout's sake. */
function manyRecords(size: number, signer: string, vkey: string): LogReader {
  const tree = GrowingTree.load(0, () => []);
  const entries: LogEntry[] = [];
  const heads: { size: number; note: string }[] = [];
  for (let index = 0; index < size; index += 1) {
    const body = Buffer.from(`record ${index}`);
    entries.push({ index, body, leafHash: leafHash(body) });
    tree.append(leafHash(body));
    if (![1, 256, 65_536, size].includes(tree.size)) continue;
    const head = { origin: "example.com/large", size: tree.size, root: tree.root() };
    heads.push({ size: tree.size, note: signNote(formatCheckpoint(head), [parseSigner(signer)]) });
  }
  const nodes: readonly TreeNode[] = tree.newNodes();
  return {
    name: "memory",
    size: async () => size,
    head: async () => heads.at(-1),
    async *records(from, to) {
      for (let at = from; at < to; at += 1000) yield entries.slice(at, Math.min(to, at + 1000));
    },
    async *checkpoints() {
      yield heads;
    },
    nodes: async (level, first, count) =>
      nodes.filter((node) => node.level === level && node.index >= first && node.index < first + count),
    keys: async () => [vkey],
    close: async () => {},
  };
}
