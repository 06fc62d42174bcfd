import { afterAll, beforeAll, expect, it } from "vitest";
import type { Kept } from "../../src/audit/verify/outside.ts";
import type { VerifyOptions } from "../../src/audit/verify/verification.ts";
import { type Attack, attacked, verified } from "../audit/verify/attacked-log.ts";
import type { Attacker } from "../audit/verify/attacker.ts";
import { onlyOutsideTells, withKey } from "../audit/verify/attacks-with-key.ts";
import { withoutKey } from "../audit/verify/attacks-without-key.ts";
import { appended, type RealLog, realLog } from "../audit/verify/real-log.ts";
import { report } from "./summary.ts";

let log: RealLog;
let receipts: readonly Kept[];
beforeAll(async () => {
  log = await realLog();
  receipts = [...log.receipts].map(([index, text]) => ({ name: `of record ${index}`, text }));
});
afterAll(() => log.remove());

/** @returns names of the attacks that verification took for a sound log, and of those that it took for something else */
async function judged(
  attacks: readonly Attack[],
  options: Partial<VerifyOptions>,
  after?: (by: Attacker) => void,
): Promise<{ readonly unnoticed: readonly string[]; readonly mistaken: readonly string[] }> {
  const [unnoticed, mistaken]: [string[], string[]] = [[], []];
  for (const attack of attacks) {
    const { expected, found } = await attacked(log, attack, options, after);
    if (found === undefined) unnoticed.push(attack.name);
    else if (String(found) !== String(expected)) mistaken.push(attack.name);
  }
  return { unnoticed, mistaken };
}

const kinds = [
  { name: "tampering without the key", attacks: withoutKey, after: undefined },
  { name: "tampering with the stolen key, against itself", attacks: withKey, after: (by: Attacker) => by.rebuild(1) },
];

it.each(kinds)("$name: each is named, and where; the log that nobody touched is sound", async (kind) => {
  const { unnoticed, mistaken } = await judged(kind.attacks, {}, kind.after);
  const untouched = await verified(log.database, { receipts });
  report({
    fault: kind.name,
    runs: kind.attacks.length,
    acknowledged: receipts.length,
    lost: unnoticed.length,
    unexplained: mistaken.length,
    control: `untouched: ${untouched.faultCount} faults`,
  });
  expect({ unnoticed, mistaken }).toEqual({ unnoticed: [], mistaken: [] });
  expect(untouched.faults).toEqual([]);
});

it("a tail cut, a roll-back, a body edited and a record put in, all signed again with the stolen key: an earlier receipt tells", async () => {
  const { unnoticed, mistaken } = await judged(onlyOutsideTells, { receipts });
  const nothingKept = await judged(onlyOutsideTells, {});
  report({
    fault: "tampering with the stolen key, signed again",
    runs: onlyOutsideTells.length,
    acknowledged: receipts.length,
    lost: unnoticed.length,
    unexplained: mistaken.length,
    control: `with no receipt kept, ${nothingKept.unnoticed.length} go unnoticed`,
  });
  expect({ unnoticed, mistaken }).toEqual({ unnoticed: [], mistaken: [] });
  expect(nothingKept.unnoticed).toHaveLength(onlyOutsideTells.length);
});

it("a fork, both branches signed by the log's key: a receipt of the one tells in the other", async () => {
  const [one, other] = [log.copy(), log.copy()];
  const kept = await appended(one.database, (writer) => writer.denied(2));
  await appended(other.database, (writer) => writer.denied(5));
  const branch = [...kept.receipts].map(([index, text]) => ({ name: `of record ${index}`, text }));
  const [own, others] = [await verified(one.database, { receipts: branch }), await verified(other.database)];
  const { faults } = await verified(other.database, { receipts: branch });
  one.remove();
  other.remove();
  report({
    fault: "fork",
    runs: 1,
    acknowledged: branch.length,
    lost: faults.length === 0 ? 1 : 0,
    unexplained: 0,
    control: `in its own branch: ${own.faultCount} faults; the other alone: ${others.faultCount}`,
  });
  expect(faults).toContainEqual(expect.objectContaining({ kind: "outside-differs", index: 315 }));
  expect([...own.faults, ...others.faults]).toEqual([]);
});
