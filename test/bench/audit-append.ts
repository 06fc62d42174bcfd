import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "../../src/audit/sqlite/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { denials } from "./audit-records.ts";
import { loop } from "./callers.ts";
import { PlainLog } from "./plain-log.ts";
import { median, spread } from "./statistics.ts";

const ROUNDS = 5;
const SECONDS = 2;
const CALLERS = 64;
/** More than either side writes in a round. */
const RECORDS = 60_000;

/** Records per second of the SQLite log, tree, signatures and receipts included, against a plain synced file. */
export async function auditAppend(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-bench-"));
  const plain = await PlainLog.create(join(folder, "plain.log"));
  const store = await openSqliteStore(join(folder, "lockkeeper.db"), {
    exclusive: true,
    owner: "123456789012",
    keys: testLogKeys,
  });
  const journal = openJournal(store, { deadlineMs: 10_000, maxQueue: 2_048 });
  const [plainRates, journalRates]: [number[], number[]] = [[], []];
  try {
    for (let round = 0; round <= ROUNDS; round += 1) {
      const records = denials(RECORDS);
      const first = await loop(records, CALLERS, SECONDS, ({ record }) => plain.append(record.body));
      const second = await loop(records, CALLERS, SECONDS, (denial) => journal.deny(denial));
      // The first round warms both up.
      if (round === 0) continue;
      plainRates.push(first.perSecond);
      journalRates.push(second.perSecond);
    }
  } finally {
    await journal.close();
    await plain.close();
    rmSync(folder, { recursive: true, force: true });
  }
  const ratio = median(journalRates) / median(plainRates);
  console.log(`  write + fdatasync, grouped: ${spread(plainRates)} records/s`);
  console.log(`  the SQLite log:             ${spread(journalRates)} records/s`);
  console.log(`  ratio at ${CALLERS} callers: ${ratio.toFixed(2)} (to be at least 0.50)`);
}
