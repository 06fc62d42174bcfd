import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ReceivedUpdate } from "../../../src/sandbox/iam/journal.ts";
import { type SandboxIam, startSandboxIam } from "../../../src/sandbox/iam/server.ts";
import { TestClock } from "../../fixture/clock.ts";
import { postQuery, signedAs } from "../../iam/query.ts";

let folder: string;
let file: string;
let stand: SandboxIam;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "lockkeeper-stand-in-"));
  file = join(folder, "journal.jsonl");
  stand = await startSandboxIam({ journalFile: file, clock: new TestClock() });
});
afterEach(async () => {
  await stand.close();
  rmSync(folder, { recursive: true });
});

const changeId = "0192f0c1-2f4e-7c3a-9b1d-6d2a8c1f0e55";
const update = { Action: "UpdateAccessKey", UserName: "BOB", AccessKeyId: "AKIAIOSFODNN7EXAMPLE", Status: "Inactive" };
const headers = {
  ...signedAs("AKIALOCKKEEPERSANDBX"),
  "user-agent": `aws-sdk-js/3 lockkeeper/0.1.0 change/${changeId}`,
};
const status = () => stand.world.credential("Bob", "access-key", "AKIAIOSFODNN7EXAMPLE")?.status;
const lines = () =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);

describe("the stand-in's journal", () => {
  it("says of each update who asked for what, for which change, and what was done", async () => {
    const answer = await postQuery(stand.url, update, headers);
    await postQuery(stand.url, { ...update, AccessKeyId: "AKIAXXXXXXXXXXXXXXXX" });
    await postQuery(stand.url, { Action: "ListAccessKeys", UserName: "Bob" });
    expect(stand.journal.entries()).toEqual([
      {
        seq: 1,
        at: "2026-11-21T09:30:00.000Z",
        requestId: answer.headers.get("x-amzn-requestid"),
        action: "UpdateAccessKey",
        userName: "BOB",
        credentialId: "AKIAIOSFODNN7EXAMPLE",
        status: "Inactive",
        userAgent: headers["user-agent"],
        changeId,
        applied: true,
        code: null,
        fault: null,
      },
      expect.objectContaining({ seq: 2, changeId: null, applied: false, code: "NoSuchEntity" }),
    ]);
    expect(lines()).toEqual(stand.journal.entries());
    expect(stand.journal.calls("ListAccessKeys")).toBe(1);
  });

  it("is in the file even of an update that is never answered", async () => {
    stand.faults.next({ kind: "reset-after" });
    await expect(postQuery(stand.url, update, headers)).rejects.toThrow();
    expect(lines()).toEqual([expect.objectContaining({ changeId, applied: true, fault: "reset-after" })]);
  });

  it("goes on in the file of an earlier run", async () => {
    await postQuery(stand.url, update);
    const again = await startSandboxIam({ journalFile: file });
    await postQuery(again.url, update);
    await again.close();
    expect(lines()).toHaveLength(2);
  });
});

describe("a look at an update before it is applied", () => {
  it("is possible, and takes as long as it takes", async () => {
    const seen: { update: ReceivedUpdate; status: string | undefined; journaled: number }[] = [];
    stand.beforeAnswer = async (received) => {
      await new Promise(setImmediate);
      seen.push({ update: received, status: status(), journaled: stand.journal.entries().length });
    };
    await postQuery(stand.url, update, headers);
    const expected = { action: "UpdateAccessKey", changeId, userName: "BOB", status: "Inactive" };
    expect(seen).toEqual([{ update: expect.objectContaining(expected), status: "Active", journaled: 0 }]);
    expect(status()).toBe("Inactive");
  });

  it("stops the update when it throws", async () => {
    stand.beforeAnswer = () => {
      throw new Error("no intent in the database");
    };
    const { status: answered, text } = await postQuery(stand.url, update);
    expect({ answered, text }).toEqual({ answered: 500, text: "The stand-in failed: no intent in the database\n" });
    expect(status()).toBe("Active");
    expect(stand.journal.entries()).toEqual([]);
  });
});
