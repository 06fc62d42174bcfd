import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openExport } from "../../../src/audit/export/reader.ts";
import { writeExport } from "../../../src/audit/export/write-export.ts";
import { openPostgresReader } from "../../../src/audit/postgres/reader.ts";
import { openPostgresStore } from "../../../src/audit/postgres/store.ts";
import type { FaultKind } from "../../../src/audit/verify/findings.ts";
import { StreamedTree } from "../../../src/audit/verify/streamed-tree.ts";
import type { VerifyOptions } from "../../../src/audit/verify/verification.ts";
import { verifyLog } from "../../../src/audit/verify/verify-log.ts";
import { formatCheckpoint } from "../../../src/tlog/checkpoint.ts";
import { leafHash } from "../../../src/tlog/hash.ts";
import { parseSigner, signNote } from "../../../src/tlog/note.ts";
import { testKey, testLogKeys } from "../../fixture/log-keys.ts";
import { postgresDatabase, type TestDatabase } from "../../fixture/postgres.ts";
import { appendedTo, everyWay, type LogWriter, now } from "./real-log.ts";

describe("verifying a log in PostgreSQL", () => {
  let database: TestDatabase;
  let log: LogWriter;
  beforeAll(async () => {
    database = await postgresDatabase();
    const options = { ...database.address, schema: "log", owner: "123456789012", keys: testLogKeys, now: () => now };
    log = await appendedTo(await openPostgresStore(options), everyWay);
    await admin("ALTER TABLE records DISABLE TRIGGER ALL");
    await admin("ALTER TABLE nodes DISABLE TRIGGER ALL");
    await admin("ALTER TABLE checkpoints DISABLE TRIGGER ALL");
  });
  afterAll(() => database.drop());

  const admin = (sql: string, values: readonly unknown[] = []) =>
    database.admin(sql.replace(/\b(records|nodes|checkpoints)\b/g, "log.$1"), values);
  const open = () => openPostgresReader({ ...database.address, schema: "log" });
  const verify = async (options: Partial<VerifyOptions> = {}) => {
    const reader = await open();
    try {
      return await verifyLog(reader, { trustedKeys: [testKey.verifier], now, ...options });
    } finally {
      await reader.close();
    }
  };
  const receipts = () => [...log.receipts].map(([index, text]) => ({ name: `of record ${index}`, text }));

  it("finds nothing wrong with one that nobody touched, and exports what verifies alike", async () => {
    const verification = await verify({ receipts: receipts() });
    expect(verification).toMatchObject({ faults: [], checked: { records: 315, bodies: 315, nodes: 1, changes: 8 } });
    const folder = mkdtempSync(join(tmpdir(), "lockkeeper-export-"));
    const reader = await open();
    await writeExport(reader, join(folder, "log"));
    await reader.close();
    const options = { trustedKeys: [testKey.verifier], now, receipts: receipts() };
    expect(await verifyLog(await openExport(join(folder, "log")), options)).toEqual(verification);
    rmSync(folder, { recursive: true });
  });

  const attacks: readonly (readonly [string, FaultKind, number, () => Promise<unknown>])[] = [
    ["a body is edited", "body-changed", 7, () => admin("UPDATE records SET body = body || ' ' WHERE idx = 7")],
    [
      "a body is swapped together with its leaf",
      "root-differs",
      7,
      async () => {
        await admin("UPDATE records SET body = body || ' ' WHERE idx = 7");
        const [row] = await admin("SELECT body FROM records WHERE idx = 7");
        await admin("UPDATE records SET leaf_hash = $1 WHERE idx = 7", [leafHash(String(row?.["body"]))]);
      },
    ],
    ["a record is deleted", "record-missing", 4, () => admin("DELETE FROM records WHERE idx = 4")],
    ["the tail is cut", "truncated", 290, () => admin("DELETE FROM records WHERE idx >= 290")],
    ["a body is dropped", "body-missing", 8, () => admin("UPDATE records SET body = NULL WHERE idx = 8")],
    [
      "the time beside a body is altered",
      "columns-changed",
      8,
      () => admin("UPDATE records SET time = 1 WHERE idx = 8"),
    ],
    ["a hash of the tree is removed", "node-changed", 0, () => admin("DELETE FROM nodes")],
    ["the newest head is removed", "unsigned-tail", 312, () => admin("DELETE FROM checkpoints WHERE size = 315")],
    [
      "the tail is cut and signed again with the stolen key",
      "outside-differs",
      250,
      async () => {
        await admin("DELETE FROM records WHERE idx >= 250");
        await admin("DELETE FROM checkpoints WHERE size > 250");
        await admin("DELETE FROM nodes");
        const tree = new StreamedTree();
        for (const { leaf_hash } of await admin("SELECT leaf_hash FROM records ORDER BY idx"))
          tree.append(leaf_hash as Buffer);
        const checkpoint = formatCheckpoint({ origin: testLogKeys.origin, size: 250, root: tree.root() });
        const note = signNote(checkpoint, [parseSigner(testKey.signer)]);
        await admin("INSERT INTO checkpoints (size, note) VALUES (250, $1)", [note]);
      },
    ],
  ];

  it.each(attacks)("names what is wrong when %s", async (_name, kind, index, attack) => {
    const tables = ["records", "nodes", "checkpoints"];
    for (const table of tables) await database.admin(`CREATE TABLE kept_${table} AS TABLE log.${table}`);
    try {
      await attack();
      const { faults } = await verify(kind === "outside-differs" ? { receipts: receipts() } : {});
      expect(faults[0], faults[0]?.message).toMatchObject({ kind, index });
    } finally {
      for (const table of tables) {
        await database.admin(`DELETE FROM log.${table}`);
        await database.admin(`INSERT INTO log.${table} SELECT * FROM kept_${table}`);
        await database.admin(`DROP TABLE kept_${table}`);
      }
    }
    expect((await verify()).faults).toEqual([]);
  });
});
