import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openExport } from "../../../src/audit/export/reader.ts";
import { writeExport } from "../../../src/audit/export/write-export.ts";
import { prunedRecord } from "../../../src/audit/log-record.ts";
import { openSqliteReader } from "../../../src/audit/sqlite/reader.ts";
import { verifyLog } from "../../../src/audit/verify/verify-log.ts";
import { parseCheckpoint } from "../../../src/tlog/checkpoint.ts";
import { leafHash } from "../../../src/tlog/hash.ts";
import { openNote } from "../../../src/tlog/note.ts";
import { inclusionProof, verifyInclusion } from "../../../src/tlog/proof.ts";
import { tilePath } from "../../../src/tlog/tile.ts";
import { refusal } from "../../fixture/errors.ts";
import { testKey, testVerifiers } from "../../fixture/log-keys.ts";
import { Attacker } from "../verify/attacker.ts";
import { appended, everyWay, now, type RealLog, realLog } from "../verify/real-log.ts";

const folders: string[] = [];
const newFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-export-"));
  folders.push(folder);
  return folder;
};

async function exported(database: string, folder = newFolder()) {
  const reader = openSqliteReader(database);
  try {
    return { folder, ...(await writeExport(reader, folder)) };
  } finally {
    await reader.close();
  }
}

async function verified(folder: string) {
  return verifyLog(await openExport(folder), { trustedKeys: [testKey.verifier], now });
}

/** All files, with their paths from the folder on. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

function contentOf(folder: string): Record<string, string> {
  return Object.fromEntries(filesIn(folder).map((name) => [name, readFileSync(join(folder, name), "hex")]));
}

describe("an export", () => {
  let log: RealLog;
  beforeAll(async () => {
    log = await realLog(async (writer) => {
      await everyWay(writer);
      await writer.denied(300);
    });
  });
  afterAll(() => {
    log.remove();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  it("is laid out as c2sp.org/tlog-tiles says, with every head, the keys, and how to check it", async () => {
    const { folder, ...result } = await exported(log.database);
    expect(result).toEqual({ origin: "lockkeeper.test/log", size: 615, kept: 0 });
    expect(filesIn(folder)).toEqual([
      "README.txt",
      "checkpoint",
      "checkpoints",
      "keys",
      "pruned",
      "tile/0/000",
      "tile/0/001",
      "tile/0/002.p/103",
      "tile/1/000.p/2",
      "tile/entries/000",
      "tile/entries/001",
      "tile/entries/002.p/103",
    ]);
    expect(readFileSync(join(folder, "keys"), "utf8")).toBe(`${testKey.verifier}\n`);
    expect(readFileSync(join(folder, "checkpoints"), "utf8").split("---\n").slice(0, -1)).toHaveLength(23);
  });

  it("verifies like the log itself", async () => {
    const { folder } = await exported(log.database);
    const reader = openSqliteReader(log.database);
    const own = await verifyLog(reader, { trustedKeys: [testKey.verifier], now });
    await reader.close();
    expect(await verified(folder)).toEqual(own);
    expect(own.faults).toEqual([]);
  });

  it("proves each record from its files alone", async () => {
    const { folder } = await exported(log.database);
    const checkpoint = readFileSync(join(folder, "checkpoint"), "utf8");
    const { size, root } = parseCheckpoint(openNote(checkpoint, testVerifiers).text);
    const tiles = (tile: Parameters<typeof tilePath>[0]) => {
      const bytes = readFileSync(join(folder, tilePath(tile)));
      return Array.from({ length: tile.width }, (_, at) => bytes.subarray(32 * at, 32 * at + 32));
    };
    const bundle = readFileSync(join(folder, "tile/entries/002.p/103"));
    const entry = bundle.subarray(2, 2 + bundle.readUInt16BE());
    const proof = inclusionProof(512, size, tiles);
    expect(verifyInclusion({ leaf: leafHash(entry), index: 512, size, proof, root })).toBe(true);
  });

  it("does not verify when one bit of any of its files is another", async () => {
    const { folder } = await exported(log.database);
    expect((await verified(folder)).faults).toEqual([]);
    for (const name of filesIn(folder)) {
      const file = join(folder, name);
      const bytes = readFileSync(file);
      // Nothing was pruned, so that one is empty: there a byte is added.
      const places = bytes.length === 0 ? [0] : [0, Math.floor(bytes.length / 2), bytes.length - 1];
      for (const at of places) {
        for (const bit of [1, 32]) {
          const flipped = bytes.length === 0 ? Buffer.of(bit) : Buffer.from(bytes);
          flipped[at] = (flipped[at] ?? 0) ^ bit;
          writeFileSync(file, flipped);
          const faults = await verified(folder).then(
            (verification) => verification.faultCount,
            () => 1,
          );
          expect(faults, `${name}, byte ${at}, bit ${bit}`).toBeGreaterThan(0);
        }
      }
      writeFileSync(file, bytes);
    }
    expect((await verified(folder)).faults).toEqual([]);
  });

  it("does not verify without any one of its files, or with one more", async () => {
    const { folder } = await exported(log.database);
    for (const name of filesIn(folder)) {
      const bytes = readFileSync(join(folder, name));
      unlinkSync(join(folder, name));
      const faults = await verified(folder).then(
        ({ faultCount }) => faultCount,
        () => 1,
      );
      expect(faults, name).toBeGreaterThan(0);
      writeFileSync(join(folder, name), bytes);
    }
    writeFileSync(join(folder, "tile/0/003"), Buffer.alloc(8192));
    expect((await verified(folder)).faults).toMatchObject([{ kind: "export-damaged", index: null }]);
    unlinkSync(join(folder, "tile/0/003"));
    writeFileSync(join(folder, "notes.txt"), "");
    const { faults } = await verified(folder);
    expect(faults).toMatchObject([{ kind: "export-damaged", message: "notes.txt is no part of an export." }]);
  });

  it("names the record whose body was changed in it", async () => {
    const { folder } = await exported(log.database);
    const file = join(folder, "tile/entries/001");
    const bytes = readFileSync(file);
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    expect((await verified(folder)).faults[0]).toMatchObject({ kind: "body-changed", index: 256 });
  });

  it("goes on from where it ended, and then is what it would be at once", async () => {
    const copy = log.copy();
    const { folder } = await exported(copy.database);
    await appended(copy.database, (writer) => writer.denied(250));
    expect(await exported(copy.database, folder)).toMatchObject({ size: 865, kept: 512 });
    const whole = await exported(copy.database);
    expect(contentOf(folder)).toEqual(contentOf(whole.folder));
    expect((await verified(folder)).faults).toEqual([]);
    copy.remove();
  });

  it("is never taken for whole when it was interrupted, and is completed by the next run", async () => {
    const { folder: whole } = await exported(log.database);
    const folder = newFolder();
    const reader = openSqliteReader(log.database);
    const killed = new Error("killed");
    const onProgress = (done: number) => {
      if (done > 256) throw killed;
    };
    await expect(writeExport(reader, folder, { onProgress })).rejects.toBe(killed);
    await reader.close();
    expect(existsSync(join(folder, "tile/entries/001"))).toBe(true);
    expect((await refusal(openExport(folder))).message).toContain("was interrupted");
    expect(await exported(log.database, folder)).toMatchObject({ kept: 512 });
    expect(contentOf(folder)).toEqual(contentOf(whole));
  });

  it("keeps nothing of an interrupted export of another log", async () => {
    const folder = newFolder();
    const other = await realLog((writer) => writer.denied(300));
    await exported(other.database, folder);
    unlinkSync(join(folder, "checkpoint"));
    const { folder: whole } = await exported(log.database);
    expect(await exported(log.database, folder)).toMatchObject({ kept: 0 });
    expect(contentOf(folder)).toEqual(contentOf(whole));
    other.remove();
  });

  it("writes anew what was damaged in it", async () => {
    const { folder } = await exported(log.database);
    const before = contentOf(folder);
    for (const name of ["tile/0/001", "tile/entries/001", "tile/1/000.p/2", "pruned", "README.txt"]) {
      writeFileSync(join(folder, name), "rubbish");
    }
    writeFileSync(join(folder, "tile/0/.unfinished-x"), "rubbish");
    const bundle = readFileSync(join(folder, "tile/entries/000"));
    bundle[100] = (bundle[100] ?? 0) ^ 1;
    writeFileSync(join(folder, "tile/entries/000"), bundle);
    await exported(log.database, folder);
    expect(contentOf(folder)).toEqual(before);
  });

  describe("is left as it is, with a sentence, when", () => {
    const untouched = async (database: string, folder: string) => {
      const before = contentOf(folder);
      const { code, message } = await refusal(exported(database, folder));
      expect(code).toBe("audit-unreadable");
      expect(contentOf(folder)).toEqual(before);
      return message;
    };

    it("the log was cut since", async () => {
      const { folder } = await exported(log.database);
      const copy = log.copy();
      const by = new Attacker(copy.database);
      by.run("DELETE FROM records WHERE idx >= 300");
      by.run("DELETE FROM checkpoints WHERE size >= 300");
      by.rebuild(300);
      by.close();
      expect(await untouched(copy.database, folder)).toContain("has only 300: it was cut");
      copy.remove();
    });

    it("the log was changed since, with the stolen key", async () => {
      const { folder } = await exported(log.database);
      const copy = log.copy();
      await appended(copy.database, (writer) => writer.denied(2));
      const by = new Attacker(copy.database);
      by.editBody(400);
      by.rebuild(401);
      by.close();
      expect(await untouched(copy.database, folder)).toContain("has another history");
      copy.remove();
    });

    it("the log does not make up its head", async () => {
      const { folder } = await exported(log.database);
      const copy = log.copy();
      const by = new Attacker(copy.database);
      by.run("DELETE FROM records WHERE idx >= 614");
      by.close();
      expect(await untouched(copy.database, folder)).toContain("do not make up its newest signed head");
      copy.remove();
    });

    it("the folder holds something else", async () => {
      const folder = newFolder();
      writeFileSync(join(folder, "mine"), "");
      expect(await untouched(log.database, folder)).toContain("holds no export");
    });
  });

  it("is never completed from records that do not make up the head", async () => {
    const copy = log.copy();
    const by = new Attacker(copy.database);
    by.editBody(3);
    by.run("UPDATE records SET leaf_hash = ? WHERE idx = 3", leafHash(by.body(3)));
    by.close();
    const folder = newFolder();
    expect((await refusal(exported(copy.database, folder))).message).toContain("do not make up");
    expect(existsSync(join(folder, "checkpoint"))).toBe(false);
    copy.remove();
  });

  describe("of a log whose old bodies were pruned", () => {
    const pruned = (): { database: string; remove(): void } => {
      const copy = log.copy();
      const by = new Attacker(copy.database);
      const operator = { name: "root", uid: 0 };
      const record = prunedRecord(
        {
          operator,
          origin: "",
          account: "123456789012",
          beforeIndex: 530,
          before: now,
          records: 530,
          changes: 0,
          checkpoint: "",
        },
        now,
      );
      by.insertRecord(by.size, record.body);
      by.rebuild(by.size);
      by.run("UPDATE records SET body = NULL WHERE idx < 530");
      by.close();
      return copy;
    };

    it("tells which are missing, and verifies", async () => {
      const copy = pruned();
      const { folder } = await exported(copy.database);
      expect(readFileSync(join(folder, "pruned"), "utf8")).toBe("0 529\n");
      expect(await verified(folder)).toMatchObject({ faults: [], checked: { bodies: 86, pruned: 530 } });
      expect(await exported(copy.database, folder)).toMatchObject({ kept: 512 });
      copy.remove();
    });

    it("keeps those that it had before", async () => {
      const { folder } = await exported(log.database);
      const copy = pruned();
      expect(await exported(copy.database, folder)).toMatchObject({ kept: 512, size: 616 });
      expect(readFileSync(join(folder, "pruned"), "utf8")).toBe("");
      expect(await verified(folder)).toMatchObject({ faults: [], checked: { bodies: 616, pruned: 0 } });
      copy.remove();
    });
  });

  it("can be moved and copied", async () => {
    const { folder } = await exported(log.database);
    const elsewhere = join(newFolder(), "moved");
    cpSync(folder, elsewhere, { recursive: true });
    expect((await verified(elsewhere)).faults).toEqual([]);
  });
});
