import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { postQuery } from "../iam/query.ts";

const module = new URL("../../src/cli/sandbox-iam.ts", import.meta.url).href;

describe("the IAM stand-in as a process", () => {
  it.each(["SIGTERM", "SIGINT"] as const)(
    "prints its URL, keeps a journal, and ends in peace on %s",
    async (signal) => {
      const folder = mkdtempSync(join(tmpdir(), "lockkeeper-stand-in-"));
      onTestFinished(() => rmSync(folder, { recursive: true }));
      const options = { journalFile: join(folder, "journal.jsonl"), extraUsers: 3 };
      const script = `await (await import(${JSON.stringify(module)})).runSandboxIam(${JSON.stringify(options)});`;
      const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      onTestFinished(() => {
        child.kill("SIGKILL");
      });
      const exited = once(child, "exit");
      const [line] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
      const url = /^IAM stand-in on (http:\/\/127\.0\.0\.1:[0-9]+)\n$/.exec(line)?.[1] ?? "";

      const user = { UserName: "load-0003", AccessKeyId: "AKIALOAD000000000003" };
      expect((await postQuery(url, { Action: "UpdateAccessKey", ...user, Status: "Inactive" })).status).toBe(200);
      expect(readFileSync(options.journalFile, "utf8")).toContain('"credentialId":"AKIALOAD000000000003"');

      child.kill(signal);
      expect(await exited).toEqual([0, null]);
    },
  );
});
