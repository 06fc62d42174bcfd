// node log-writer.ts DATABASE RECORDS CALLERS [--early]: appends to a log with the real store and tells on standard
// output what is durable, record by record. Meant to be killed, to have its disk broken, and to be watched by strace.
import { writeSync } from "node:fs";
import type { Journal, ProvenReceipt, Receipt } from "../../../src/audit/journal.ts";
import { outcomeRecord } from "../../../src/audit/record.ts";
import { openSqliteStore } from "../../../src/audit/sqlite/store.ts";
import { openJournal } from "../../../src/audit/store-journal.ts";
import { LockkeeperError } from "../../../src/errors.ts";
import { proofText } from "../../../src/tlog/tlog-proof.ts";
import { aChange, aDecision, aDenial, anIntent } from "../../fixture/changes.ts";
import { testLogKeys } from "../../fixture/log-keys.ts";
import type { Acknowledged } from "../acknowledged.ts";

const [database = "", records = "100", callers = "8", ...flags] = process.argv.slice(2);
/** The double of a control: it acknowledges what it has only handed in. */
const early = flags.includes("--early");

/** A log that takes nothing for longer than this never will. */
const PATIENCE_MS = 120_000;

/** One system call for each line, so that a trace of them has its moment. */
function acknowledge(uid: string, receipt?: Receipt | ProvenReceipt): void {
  const proof = receipt !== undefined && "proof" in receipt ? { proof: proofText(receipt.proof) } : {};
  const told: Acknowledged = { uid, ...(receipt && place(receipt)), ...proof };
  writeSync(1, `ack ${JSON.stringify(told)}\n`);
}

function place({ index, leafHash }: Receipt): Receipt {
  return { index, leafHash };
}

/** @returns whether the log has taken the record */
async function keep(uid: string, write: () => Promise<Receipt | ProvenReceipt>): Promise<boolean> {
  if (early) acknowledge(uid);
  try {
    const receipt = await write();
    if (!early) acknowledge(uid, receipt);
    return true;
  } catch (error) {
    // A disk that fails: whoever asked is told so, and asks again a little later.
    if (!(error instanceof LockkeeperError) || error.code !== "audit-unavailable") throw error;
    if (performance.now() > PATIENCE_MS) throw error;
    await new Promise((resolve) => setTimeout(resolve, 20));
    return false;
  }
}

/** One change after another, from its intent to its outcome, and a denial now and then. */
async function call(journal: Journal, caller: number, until: () => boolean): Promise<void> {
  for (let turn = 0; until(); turn += 1) {
    const now = Date.now();
    const credential = {
      type: "access-key" as const,
      id: `AKIA${String(caller).padStart(4, "0")}${String(turn).padStart(8, "0")}`,
      userName: `load-${caller}`,
      account: "123456789012",
    };
    const change = aChange({ credential });
    const intent = anIntent(change, now);
    const begun = await keep(intent.record.uid, async () => {
      const result = await journal.begin(intent);
      if (result.kind !== "started") throw new Error(`the change came out as ${result.kind}`);
      return result.receipt;
    });
    if (!begun) continue;
    const outcome = { name: "applied", awsRequestId: change.id, httpStatus: 200 } as const;
    const record = outcomeRecord(change, aDecision(true), outcome, null, now);
    const conclusion = { record, step: "outcome", outcome: "applied", release: true, at: now } as const;
    await keep(record.uid, () => journal.finish(change.id, conclusion));
    const denial = aDenial(aChange({ credential }));
    if (turn % 3 === 0) await keep(denial.record.uid, () => journal.deny(denial));
  }
}

// Opened twice: what closing and opening again does to the files is part of a log's life.
for (const share of [0.5, 1]) {
  const store = await openSqliteStore(database, { exclusive: true, owner: "123456789012", keys: testLogKeys });
  const journal = openJournal(store, { deadlineMs: 30_000, maxQueue: 1000 });
  const more = async () => ((await journal.head())?.size ?? 0) < Number(records) * share;
  let open = true;
  await Promise.all(
    Array.from({ length: Number(callers) }, (_, caller) => call(journal, caller, () => open)).concat(
      (async () => {
        while (await more()) await new Promise((resolve) => setTimeout(resolve, 5));
        open = false;
      })(),
    ),
  );
  await journal.close();
}
