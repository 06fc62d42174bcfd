// A gateway that is wrong on purpose, the double of a control: it acknowledges what it has only handed in, and PostgreSQL
// is told to commit that a moment later.
import { Writer } from "../../../src/audit/postgres/writer.ts";

const HANDED_IN_MS = 250;
const { prepare, commit } = Writer.prototype;
let handedIn: Promise<unknown> = Promise.resolve();

Writer.prototype.prepare = async function (batch) {
  await handedIn;
  return prepare.call(this, batch);
};
Writer.prototype.commit = async function (batch) {
  handedIn = new Promise((resolve) => setTimeout(resolve, HANDED_IN_MS))
    .then(() => commit.call(this, batch))
    .catch(() => {});
  return batch.outcomes();
};

await import("../../../src/main.ts");
