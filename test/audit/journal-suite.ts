import { afterEach, beforeEach, describe } from "vitest";
import type { Journal } from "../../src/audit/journal.ts";
import type { LogKeys } from "../../src/audit/log-keys.ts";
import { changesSuite } from "./journal-suite-changes.ts";
import { claimsSuite } from "./journal-suite-claims.ts";
import { headsSuite } from "./journal-suite-heads.ts";
import { poisonSuite } from "./journal-suite-poison.ts";
import { receiptsSuite } from "./journal-suite-receipts.ts";
import { recordsSuite } from "./journal-suite-records.ts";
import { searchSuite } from "./journal-suite-search.ts";
import { signaturesSuite } from "./journal-suite-signatures.ts";
import { supersedingSuite } from "./journal-suite-superseding.ts";

export interface OpenOptions {
  /** Default `testLogKeys`. */
  readonly keys?: LogKeys;
  /** As for the journal; by default it looks only when it is written to. */
  readonly probeMs?: number;
}

/** A log of its own, and the ways around its journal. */
export interface JournalFixture {
  /** The first one that was opened. */
  readonly journal: Journal;
  /** One more journal on the same log, beside those that are open: another instance, or a command. */
  another(options?: OpenOptions): Promise<Journal>;
  /** Closes all that are open, and opens the log anew. */
  reopen(options?: OpenOptions): Promise<Journal>;
  /** Two that open a log that is not there yet, at once. */
  race(): Promise<readonly [Journal, Journal]>;

  /** Every record of the log in order, read without the journal. */
  records(): Promise<readonly { index: number; body: string | null; leafHash: string }[]>;
  /** Every signed head in order of size, read without the journal. */
  checkpoints(): Promise<readonly { size: number; note: string }[]>;
  /** The stored nodes of the tree by level and index, read without the journal; hex. */
  nodes(): Promise<readonly { level: number; index: number; hash: string }[]>;
  /** The keys that signed, oldest first, read without the journal. */
  keys(): Promise<readonly string[]>;

  /** Changes the store behind the journal's back. */
  readonly tamper: {
    /** Takes the log back to an older size: its records, nodes, heads and keys, and what is kept beside it of changes. */
    cut(size: number): Promise<void>;
    /** Exchanges a record's body; null prunes it. */
    body(index: number, body: string | null): Promise<void>;
    /** Exchanges a record's leaf hash; hex. */
    leaf(index: number, hash: string): Promise<void>;
    /** Removes a stored node. */
    dropNode(level: number, index: number): Promise<void>;
  };
  /** Closes what is open, and removes the log. */
  destroy(): Promise<void>;
}

/** What every journal does, wherever it keeps its log. */
export function journalSuite(name: string, open: () => Promise<JournalFixture>): void {
  describe(`a journal on ${name}`, () => {
    let fixture: JournalFixture;
    beforeEach(async () => {
      fixture = await open();
    });
    afterEach(() => fixture.destroy());

    for (const suite of [
      changesSuite,
      supersedingSuite,
      claimsSuite,
      signaturesSuite,
      receiptsSuite,
      headsSuite,
      recordsSuite,
      searchSuite,
      poisonSuite,
    ]) {
      suite(() => fixture);
    }
  });
}
