import { copyFileSync } from "node:fs";
import type { Journal } from "../../../src/audit/journal.ts";
import type { LogKeys } from "../../../src/audit/log-keys.ts";
import type { Store } from "../../../src/audit/operation.ts";
import { outcomeRecord, reconciledRecord } from "../../../src/audit/record.ts";
import { serviceRecord } from "../../../src/audit/service-record.ts";
import { openSqliteStore } from "../../../src/audit/sqlite/store.ts";
import { openJournal } from "../../../src/audit/store-journal.ts";
import type { Change } from "../../../src/changes/change.ts";
import type { Outcome, ReadBack } from "../../../src/changes/outcome.ts";
import { proofText } from "../../../src/tlog/tlog-proof.ts";
import { aChange, aDecision, aDenial, anIntent } from "../../fixture/changes.ts";
import { dataFolder } from "../../fixture/data-folder.ts";
import { testKey, testLogKeys } from "../../fixture/log-keys.ts";

export const now = Date.parse("2026-11-21T09:30:00Z");
const applied: Outcome = { name: "applied", awsRequestId: "aws-1", httpStatus: 200 };
const unknown: Outcome = { name: "unknown", code: "TimeoutError", message: "lost" };
const failed: Outcome = { name: "failed", how: "refused", code: "AccessDenied", message: "No." };

/** A log made by the real store, and what somebody could have kept of it. */
export interface RealLog {
  readonly folder: string;
  readonly database: string;
  /** Receipts (tlog-proofs) by the index of their record. */
  readonly receipts: ReadonlyMap<number, string>;
  /** Checkpoints that the log had, as it grew. */
  readonly checkpoints: readonly string[];
  /** Makes a copy, to be tampered with. */
  copy(): { readonly path: string; readonly database: string; remove(): void };
  remove(): void;
}

/** Appends to a log: each step a commit of its own. */
export class LogWriter {
  readonly receipts = new Map<number, string>();
  readonly checkpoints: string[] = [];
  readonly #journal: Journal;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  async denied(count = 1): Promise<void> {
    const receipts = await Promise.all(Array.from({ length: count }, () => this.#journal.deny(aDenial(userChange()))));
    for (const { index, proof } of receipts) this.receipts.set(index, proofText(proof));
    await this.#head();
  }

  async started(): Promise<void> {
    const log = { origin: testLogKeys.origin, verifierKey: testKey.verifier };
    const service = { instance: "i", configDigest: "0".repeat(64), revision: "abc123", account: "123456789012", log };
    await this.#journal.note(serviceRecord("started", service, now));
    await this.#head();
  }

  async begun(change: Change, at = now): Promise<void> {
    await this.#journal.begin(anIntent(change, at));
    await this.#head();
  }

  async ended(change: Change, outcome: Outcome, at = now): Promise<void> {
    const record = outcomeRecord(change, aDecision(true), outcome, "Active", at);
    const release = outcome.name !== "unknown";
    const conclusion = { record, step: "outcome", outcome: outcome.name, release, at } as const;
    const { index, proof } = await this.#journal.finish(change.id, conclusion);
    this.receipts.set(index, proofText(proof));
    await this.#head();
  }

  async readBack(change: Change, at = now, result: ReadBack["result"] = "as-wanted"): Promise<void> {
    const record = reconciledRecord(change, { result, observed: "Inactive" }, at);
    await this.#journal.finish(change.id, { record, step: "reconciled", release: true, at });
    await this.#head();
  }

  async superseded(older: Change, by: Change, at: number): Promise<void> {
    const record = reconciledRecord(older, { result: "superseded", observed: null, supersededBy: by.id }, at);
    await this.#journal.begin(anIntent(by, at, { supersedes: { id: older.id, record } }));
    await this.#head();
  }

  async #head(): Promise<void> {
    const head = await this.#journal.head();
    if (head !== undefined) this.checkpoints.push(head.checkpoint);
  }
}

/** A change of a credential of its own. */
export function userChange(userName = `user-${Math.random()}`.replace(".", "")): Change {
  const credential = { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName, account: "123456789012" } as const;
  return aChange({ credential });
}

/** Every way in which a change can go, and more than 256 records, in many commits. */
export async function everyWay(log: LogWriter): Promise<void> {
  await log.started();
  const simple = userChange();
  await log.begun(simple);
  await log.ended(simple, applied);
  await log.denied();

  const lost = userChange();
  await log.begun(lost);
  await log.ended(lost, unknown);
  await log.readBack(lost);

  // The outcome comes after the read-back, or the read-back after the outcome.
  const late = userChange();
  await log.begun(late);
  await log.readBack(late);
  await log.ended(late, applied);
  const early = userChange();
  await log.begun(early);
  await log.ended(early, applied);
  await log.readBack(early);

  // Each takes the place of the one before, the last two fail, and the first is open again and read back once more.
  const [first, second, third] = [userChange("Bob"), userChange("Bob"), userChange("Bob")];
  await log.begun(first, now);
  await log.superseded(first, second, now + 10_000);
  await log.superseded(second, third, now + 20_000);
  await log.ended(second, failed, now + 20_001);
  await log.ended(third, failed, now + 20_002);
  await log.readBack(first, now + 60_000);

  await log.denied(290);
  await log.begun(userChange());
  await log.denied(3);
}

/** A log in a folder of its own, closed. */
export async function realLog(
  write: (log: LogWriter) => Promise<void> = everyWay,
  keys: LogKeys = testLogKeys,
): Promise<RealLog> {
  const folder = dataFolder();
  const log = await appended(folder.database, write, keys);
  return {
    folder: folder.path,
    database: folder.database,
    receipts: log.receipts,
    checkpoints: log.checkpoints,
    copy() {
      const copy = dataFolder();
      copyFileSync(folder.database, copy.database);
      return copy;
    },
    remove: folder.remove,
  };
}

/** Appends to the log in a file by the real store. */
export async function appended(
  file: string,
  write: (log: LogWriter) => Promise<void>,
  keys: LogKeys = testLogKeys,
): Promise<LogWriter> {
  const store = await openSqliteStore(file, { exclusive: true, owner: "123456789012", keys, now: () => now });
  return appendedTo(store, write);
}

/** Appends to a log, and closes it. */
export async function appendedTo(store: Store, write: (log: LogWriter) => Promise<void>): Promise<LogWriter> {
  const journal = openJournal(store, { deadlineMs: 10_000, maxQueue: 1000 });
  const log = new LogWriter(journal);
  try {
    await write(log);
  } finally {
    await journal.close();
  }
  return log;
}
