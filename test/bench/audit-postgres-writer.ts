// One instance of a log in PostgreSQL, for the benchmark:
//   audit-postgres-writer.ts URL PASSWORD_FILE CALLERS SECONDS ROUNDS
// Says "ready", and at each line of its input appends for SECONDS and prints how many records a second came to.
import { createInterface } from "node:readline";
import { openPostgresStore } from "../../src/audit/postgres/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { denials } from "./audit-records.ts";
import { loop } from "./callers.ts";

const [url = "", passwordFile = "", callers, seconds] = process.argv.slice(2);
const store = await openPostgresStore({
  url,
  passwordFile,
  schema: "lockkeeper",
  owner: "123456789012",
  keys: testLogKeys,
});
const journal = openJournal(store, { deadlineMs: 10_000, maxQueue: 2_048 });
let records = denials(12_000);
console.log("ready");
for await (const _ of createInterface({ input: process.stdin })) {
  const { perSecond } = await loop(records, Number(callers), Number(seconds), (denial) => journal.deny(denial));
  console.log(perSecond);
  records = denials(12_000);
  console.log("ready");
}
await journal.close();
