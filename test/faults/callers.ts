import { extraUser } from "../../src/sandbox/iam/seed.ts";
import { change } from "./gate.ts";

/** What a caller was told is in the log. */
export interface Told {
  /** Id of the change. */
  readonly change: string;
  readonly code: "credential.status.outcome" | "credential.status.denied";
  readonly index: number;
  /** 64 hex digits. */
  readonly leafHash: string;
  /** A c2sp.org/tlog-proof, as far as it could be made. */
  readonly proof?: string;
}

export interface CallersOptions {
  readonly count: number;
  readonly key: string;
  /** Number of the first caller's user; each caller has a user, and so a credential, of its own. Default 1. */
  readonly firstUser?: number;
  /** The gateways that are there now; callers take turns with them. */
  readonly urls: () => readonly string[];
}

export interface Callers {
  readonly told: readonly Told[];
  /** c2sp.org/tlog-proofs that came with some of them: every twentieth, and the last one of each caller. */
  proofs(): readonly string[];
  /** How often each status was answered. */
  readonly answers: ReadonlyMap<number | "broken", number>;
  /** How much a gateway has acknowledged. */
  toldBy(url: string): number;
  /** Resolves when all have got their last answer. */
  stop(): Promise<void>;
}

const PROOFS = 20;
const REFUSED_MS = 50;

/** Lets callers ask for changes, one after another, each of its own credential; now and then for one that is denied. */
export function startCallers({ count, key, urls, firstUser = 1 }: CallersOptions): Callers {
  const told: Told[] = [];
  const kept: string[] = [];
  const newest = new Map<number, string>();
  const answers = new Map<number | "broken", number>();
  const byUrl = new Map<string, number>();
  let over = false;

  const call = async (caller: number, turn: number) => {
    const { userName, accessKeyId } = extraUser(firstUser + caller);
    const gateways = urls();
    const url = gateways[(caller + turn) % Math.max(1, gateways.length)] ?? "";
    const answer = await change(url, key, {
      credential: { type: "access-key", id: accessKeyId, userName },
      status: turn % 2 === 0 ? "Inactive" : "Active",
      // Without a ticket nobody may switch on: now and then, and not all callers at the same time.
      ...((turn + 2 * caller) % 8 !== 5 && { ticket: "SEC-1" }),
    });
    const status = answer?.status ?? "broken";
    answers.set(status, (answers.get(status) ?? 0) + 1);
    const acknowledged = toldBy(answer);
    if (acknowledged !== undefined) {
      told.push(acknowledged);
      const { proof } = acknowledged;
      byUrl.set(url, (byUrl.get(url) ?? 0) + 1);
      if (proof !== undefined) {
        newest.set(caller, proof);
        if (told.length % PROOFS === 0) kept.push(proof);
      }
    } else await pause(REFUSED_MS);
  };
  const callers = Array.from({ length: count }, async (_, caller) => {
    for (let turn = 0; !over; turn += 1) await call(caller, turn);
  });

  return {
    told,
    proofs: () => [...kept, ...newest.values()],
    answers,
    toldBy: (url) => byUrl.get(url) ?? 0,
    async stop() {
      over = true;
      await Promise.all(callers);
    },
  };
}

/** @returns undefined for an answer that promises nothing */
export function toldBy(answer: Awaited<ReturnType<typeof change>>): Told | undefined {
  if (answer?.status !== 201 && answer?.status !== 403) return undefined;
  const { id, statusChange, receipt } = answer.json;
  const { index, leafHash, proof } = receipt as { index: number; leafHash: string; proof?: string | null };
  const code = answer.status === 201 ? "credential.status.outcome" : "credential.status.denied";
  return { change: String(id ?? statusChange), code, index, leafHash, ...(typeof proof === "string" && { proof }) };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Resolves when it holds; looks again and again. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, patienceMs = 60_000): Promise<void> {
  for (const end = performance.now() + patienceMs; !(await holds()); ) {
    if (performance.now() > end) throw new Error(`it did not come to that: ${what}`);
    await pause(20);
  }
}
