import { openSqliteReader } from "../../../src/audit/sqlite/reader.ts";
import type { FaultKind } from "../../../src/audit/verify/findings.ts";
import type { Verification, VerifyOptions } from "../../../src/audit/verify/verification.ts";
import { verifyLog } from "../../../src/audit/verify/verify-log.ts";
import { testKey } from "../../fixture/log-keys.ts";
import { Attacker } from "./attacker.ts";
import { now, type RealLog } from "./real-log.ts";

export interface Attack {
  readonly name: string;
  /** @returns the first fault, or none where only a memory outside can tell */
  readonly run: (by: Attacker) => readonly [FaultKind, number] | undefined;
}

/** What became of an attack. */
export interface Attacked {
  readonly expected: readonly [FaultKind, number] | undefined;
  readonly verification: Verification;
  /** The first fault that was found, and where. */
  readonly found: readonly [FaultKind, number | null] | undefined;
  readonly message: string | undefined;
}

/** Verifies a database as somebody does who has the log's public key. */
export async function verified(database: string, options: Partial<VerifyOptions> = {}): Promise<Verification> {
  const reader = openSqliteReader(database);
  try {
    return await verifyLog(reader, { trustedKeys: [testKey.verifier], now, ...options });
  } finally {
    await reader.close();
  }
}

/**
 * Verifies a copy of the log after an attack on it.
 * @param after what else the attacker does: with the stolen key, make the tree anew
 */
export async function attacked(
  log: Pick<RealLog, "copy">,
  attack: Attack,
  options: Partial<VerifyOptions> = {},
  after: (by: Attacker) => void = () => {},
): Promise<Attacked> {
  const copy = log.copy();
  try {
    const by = new Attacker(copy.database);
    const expected = attack.run(by);
    after(by);
    by.close();
    const verification = await verified(copy.database, options);
    const [fault] = verification.faults;
    return { expected, verification, found: fault && [fault.kind, fault.index], message: fault?.message };
  } finally {
    copy.remove();
  }
}
