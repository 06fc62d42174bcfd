import { randomUUIDv7 } from "node:crypto";
import { prunedRecord } from "../../../src/audit/log-record.ts";
import { outcomeRecord, reconciledRecord } from "../../../src/audit/record.ts";
import { aDecision, anIntent } from "../../fixture/changes.ts";
import type { Attack } from "./attacked-log.ts";
import type { Attacker } from "./attacker.ts";
import { now, userChange } from "./real-log.ts";

const INTENT = "credential.status.intent";
const OUTCOME = "credential.status.outcome";

const change = userChange();
const ended = () =>
  outcomeRecord(change, aDecision(true), { name: "applied", awsRequestId: "1", httpStatus: 200 }, null, now);
const begun = () => anIntent(change, now).record;
export const pruned = (beforeIndex: number, records = beforeIndex) =>
  prunedRecord(
    {
      operator: { name: "root", uid: 0 },
      origin: "lockkeeper.test/log",
      account: "123456789012",
      beforeIndex,
      before: now,
      records,
      changes: 0,
      checkpoint: "",
    },
    now,
  );
const denialAt = (time: number, by: Attacker) =>
  by
    .body(by.find("credential.status.denied"))
    .replace(/"time":[0-9]+/, `"time":${time}`)
    .replace(/"correlation_uid":"[^"]*"/, `"correlation_uid":"${randomUUIDv7()}"`);

/** With the stolen key: hashes and heads are right, but the log contradicts itself. */
export const withKey: readonly Attack[] = [
  {
    name: "an outcome without an intent",
    run(by) {
      by.insertRecord(by.size, ended().body);
      return ["no-intent", by.size - 1];
    },
  },
  {
    name: "an outcome before its intent",
    run(by) {
      by.insertRecord(by.size, ended().body);
      by.insertRecord(by.size, begun().body);
      return ["no-intent", by.size - 2];
    },
  },
  {
    name: "an intent that was taken out",
    run(by) {
      by.removeRecord(by.find(INTENT));
      return ["no-intent", by.find(OUTCOME)];
    },
  },
  {
    name: "a second outcome",
    run(by) {
      by.insertRecord(by.size, by.body(by.find(OUTCOME)));
      return ["repeated", by.size - 1];
    },
  },
  {
    name: "a second outcome that says otherwise",
    run(by) {
      by.insertRecord(by.size, begun().body);
      by.insertRecord(by.size, ended().body);
      by.insertRecord(by.size, ended().body);
      return ["repeated", by.size - 1];
    },
  },
  {
    name: "a second intent of a change that has ended",
    run(by) {
      by.insertRecord(by.size, by.body(by.find(INTENT)));
      return ["repeated", by.size - 1];
    },
  },
  {
    name: "a second denial",
    run(by) {
      by.insertRecord(by.size, by.body(by.find("credential.status.denied")));
      return ["repeated", by.size - 1];
    },
  },
  {
    name: "a second read-back",
    run(by) {
      by.insertRecord(by.size, by.body(by.find("credential.status.reconciled")));
      return ["repeated", by.size - 1];
    },
  },
  {
    name: "a change that was superseded by one that is not there",
    run(by) {
      const one = userChange();
      const readBack = { result: "superseded", observed: null, supersededBy: randomUUIDv7() } as const;
      by.insertRecord(by.size, anIntent(one, now).record.body);
      by.insertRecord(by.size, reconciledRecord(one, readBack, now).body);
      return ["superseder-missing", by.size];
    },
  },
  {
    name: "a change that was superseded, and another record before the one that took its place",
    run(by) {
      const at = by.find("credential.status.reconciled", 13);
      const superseded = by.body(at).includes('"supersededBy"');
      if (!superseded) throw new Error("this is another read-back");
      by.insertRecord(at + 1, denialAt(now, by));
      return ["superseder-missing", at + 1];
    },
  },
  {
    name: "an outcome that was taken out, days ago",
    run(by) {
      const intent = by.find(INTENT);
      by.removeRecord(by.find(OUTCOME));
      by.insertRecord(by.size, denialAt(now + 3 * 86_400_000, by));
      return ["no-end", intent];
    },
  },
  {
    name: "something that is no record",
    run(by) {
      by.run("UPDATE records SET body = '[1]' WHERE idx = 30");
      return ["not-a-record", 30];
    },
  },
  {
    name: "a pruning that goes further than its record says",
    run(by) {
      by.insertRecord(by.size, pruned(4).body);
      by.run("UPDATE records SET body = NULL WHERE idx < 6");
      return ["body-missing", 4];
    },
  },
  {
    name: "a pruning of what comes after its record",
    run(by) {
      by.insertRecord(by.size, pruned(by.size + 10).body);
      by.run("UPDATE records SET body = NULL WHERE idx < 3");
      return ["body-missing", 0];
    },
  },
];

/** With the stolen key, and without contradiction: only what was kept outside tells. */
export const onlyOutsideTells: readonly Attack[] = [
  {
    name: "a body is edited, and everything behind it made anew",
    run(by) {
      by.editBody(20);
      by.rebuild(21);
      return ["outside-differs", 20];
    },
  },
  {
    name: "the tail is cut and signed again",
    run(by) {
      by.run("DELETE FROM records WHERE idx >= 250");
      by.run("DELETE FROM checkpoints WHERE size >= 250");
      by.rebuild(250);
      return ["outside-differs", 250];
    },
  },
  {
    name: "the log is rolled back to an older state of it",
    run(by) {
      const at = by.headBefore(10);
      by.run("DELETE FROM records WHERE idx >= ?", at);
      by.run("DELETE FROM checkpoints WHERE size > ?", at);
      by.run("DELETE FROM nodes");
      return ["outside-differs", at];
    },
  },
  {
    name: "a record is put in and everything behind it made anew",
    run(by) {
      by.insertRecord(20, denialAt(now, by));
      by.rebuild(21);
      return ["outside-differs", 20];
    },
  },
];
