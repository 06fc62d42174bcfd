// Recovers or prunes the test log in a database file, telling when it begins and when it is done: to be killed in between.

import { pruneLog } from "../../../src/audit/prune/prune.ts";
import { recoverLog } from "../../../src/audit/recover/recover.ts";
import { openSqlitePruning } from "../../../src/audit/sqlite/prune.ts";
import { openSqliteRecovery } from "../../../src/audit/sqlite/recover.ts";
import { openSqliteStore } from "../../../src/audit/sqlite/store.ts";
import { openJournal } from "../../../src/audit/store-journal.ts";
import { systemClock } from "../../../src/clock.ts";
import { testLogKeys as keys } from "../../fixture/log-keys.ts";

const [file = "", what = "", now = ""] = process.argv.slice(2);
const owner = "123456789012";
const operator = { name: "ann", uid: 1000 };
const clock = { now: () => Number(now), sleep: systemClock.sleep };

process.stdout.write("begins\n");
if (what === "recover") {
  const store = openSqliteRecovery({ file, owner, origin: keys.origin, sleep: async () => {} });
  await recoverLog({ store, keys, memories: [], account: owner, operator, reason: "a test", now: clock.now() });
} else {
  const journal = openJournal(await openSqliteStore(file, { exclusive: false, owner, keys }), {
    deadlineMs: 10_000,
    maxQueue: 100,
  });
  const before = clock.now() - 30 * 86_400_000;
  await pruneLog({
    store: openSqlitePruning(file, { owner, keys }),
    journal,
    clock,
    account: owner,
    operator,
    before,
    idempotencyTtlMs: 0,
    dryRun: false,
  });
}
process.stdout.write("done\n");
process.exit();
