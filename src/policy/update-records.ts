import type { AuditRecord, Journal } from "../audit/journal.ts";
import type { PolicyEventSource } from "../audit/policy-record.ts";

/** Where what happens is recorded, once the log is open. */
export interface PolicyLedger extends Omit<PolicyEventSource, "time"> {
  readonly journal: Pick<Journal, "note">;
}

/** Records that the log could not take yet; beyond them the oldest are dropped, which the program's log has told of. */
const MAX_OWED = 64;

type Draft = (run: Omit<PolicyEventSource, "time">) => AuditRecord;

/** The records of what becomes of policies. Those from before the log was open, or while it took none, are made up for. */
export class PolicyRecords {
  #ledger: PolicyLedger | undefined;
  readonly #owed: Draft[] = [];
  #turn: Promise<void> = Promise.resolve();

  open(ledger: PolicyLedger): void {
    this.#ledger = ledger;
  }

  /** Rejects when the record is not durable. Before the log is open, nothing is recorded: its start has records of its own. */
  async note(draft: Draft): Promise<void> {
    if (this.#ledger !== undefined) await this.#write(this.#ledger, draft);
  }

  /** For what has happened, whether it can be recorded now or not. */
  owe(draft: Draft): void {
    this.#owed.push(draft);
    if (this.#owed.length > MAX_OWED) this.#owed.shift();
  }

  /** Writes what is owed. Rejects when it cannot, and owes it still. */
  settle(): Promise<void> {
    const done = this.#turn.then(() => this.#writeOwed());
    this.#turn = done.catch(() => {});
    return done;
  }

  async #writeOwed(): Promise<void> {
    const ledger = this.#ledger;
    while (ledger !== undefined) {
      const draft = this.#owed.shift();
      if (draft === undefined) return;
      try {
        await this.#write(ledger, draft);
      } catch (error) {
        this.#owed.unshift(draft);
        throw error;
      }
    }
  }

  async #write({ journal, instance, account }: PolicyLedger, draft: Draft): Promise<void> {
    await journal.note(draft({ instance, account }));
  }
}
