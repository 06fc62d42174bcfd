import { expect } from "vitest";
import { openSqliteReader } from "../../src/audit/sqlite/reader.ts";
import { change, type Json, loadCredential, recordedSteps, verifiedLog } from "./gate.ts";

type Answer = Awaited<ReturnType<typeof change>>;

export interface Judgement {
  readonly acknowledged: number;
  /** Ids of changes and denials that were acknowledged and are not in the log as they were. */
  readonly lost: readonly string[];
  /** Ids of changes of which IAM got an update and the log has no intent. */
  readonly unexplained: readonly string[];
  /** Ids of changes that have no end. */
  readonly open: readonly string[];
  /** The first thing that `lockkeeper audit verify` would say, the receipts at hand; undefined of a sound log. */
  readonly fault: string | undefined;
}

/** What callers were told, to be held against the log afterwards. */
export class Tally {
  /** The receipt of each acknowledged change or denial, by its id. */
  readonly #receipts = new Map<string, { readonly steps: string; readonly proof: string | undefined }>();
  /** How often each status was answered; `broken` for a connection that broke. */
  readonly answers: Record<string, number> = {};

  get acknowledged(): number {
    return this.#receipts.size;
  }

  take(answer: Answer): Answer {
    const status = answer?.status ?? "broken";
    this.answers[status] = (this.answers[status] ?? 0) + 1;
    if (answer?.status === 201) this.#keep(String(answer.json["id"]), "intent,outcome", answer.json);
    if (answer?.status === 403) this.#keep(String(answer.json["statusChange"]), "denied", answer.json);
    return answer;
  }

  /**
   * @param updates that IAM got, as the stand-in's journal has them
   * @param newest how many of the receipts are held against the log, the newest; default all
   */
  async judge(
    { database, verifierKey }: { readonly database: string; readonly verifierKey: string },
    updates: readonly { readonly changeId: string }[],
    newest = Number.POSITIVE_INFINITY,
  ): Promise<Judgement> {
    const steps = recordedSteps(database);
    const has = (id: string, wanted: string) =>
      (steps.get(id) ?? [])
        .map((code) => code.slice("credential.status.".length))
        .join()
        .startsWith(wanted);
    const receipts = [...this.#receipts.values()].flatMap(({ proof }) => proof ?? []);
    return {
      acknowledged: this.acknowledged,
      lost: [...this.#receipts].filter(([id, { steps }]) => !has(id, steps)).map(([id]) => id),
      unexplained: updates.filter(({ changeId }) => !has(changeId, "intent")).map(({ changeId }) => changeId),
      open: [...steps].filter(([id, { length }]) => length === 1 && has(id, "intent")).map(([id]) => id),
      fault: await verifiedLog(openSqliteReader(database), [verifierKey], receipts.slice(-newest)),
    };
  }

  #keep(id: string, steps: string, { receipt }: Json): void {
    const proof = (receipt as { proof?: string | null } | undefined)?.proof ?? undefined;
    this.#receipts.set(id, { steps, proof });
  }
}

/** Expects that each credential of the load users takes a change in either direction, as soon as it is read back. */
export async function expectAllToBeFree(url: string, key: string, users: number, tally: Tally): Promise<void> {
  for (let user = 1; user <= users; user += 1) {
    const body = { credential: loadCredential(user), status: "Active", ticket: "SEC-1" };
    let answer = tally.take(await change(url, key, body));
    for (let tries = 0; answer?.status === 409 && tries < 100; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      answer = tally.take(await change(url, key, body));
    }
    expect([user, answer?.status]).toEqual([user, 201]);
  }
}
