import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Fault } from "../../../src/sandbox/iam/faults.ts";
import { main } from "../../faults/gate.ts";
import { startProgram, stopAll } from "../../fixture/processes.ts";
import { awsIam, type Ended, type Place } from "./client-process.ts";
import {
  manual,
  otherRefusals,
  otherUpdates,
  reads,
  recordedRefusals,
  switchOff,
  switchOffUser,
  switchOn,
} from "./lines.ts";
import { requestsAt, type Stage, sandboxPair, startStage } from "./stage.ts";

export interface CliOptions {
  /** To be followed by `iam …`; undefined: not on this machine. */
  readonly command: readonly string[] | undefined;
  /** What it exits with when the service says no. */
  readonly refusedCode: number;
  /** How often it sends a call that is throttled. */
  readonly attempts: number;
  readonly yaml: boolean;
}

const done: Ended = { code: 0, stdout: "", stderr: "" };

/** What holds for AWS's command line, whichever version. */
export function cliSuite(name: string, { command = [], refusedCode, attempts, yaml }: CliOptions): void {
  describe.skipIf(command.length === 0)(name, () => {
    let stage: Stage;
    let folder: string;
    beforeAll(async () => {
      stage = await startStage({ extraUsers: 120 });
      folder = mkdtempSync(join(tmpdir(), "lockkeeper-cli-"));
    });
    afterEach(() => stage.iam.faults.clear());
    afterAll(async () => {
      await stopAll();
      await stage.close();
      rmSync(folder, { recursive: true, force: true });
    });

    const aws = (line: string | readonly string[], place: Place) => awsIam(command, line, place);
    const through = (line: string, as = "oncall", path?: string) => aws(line, stage.door(as, path));
    const updatesOf = async (calls: () => Promise<unknown>) => {
      const before = stage.iam.journal.entries().length;
      await calls();
      return stage.updates(before);
    };
    const refused = (text: string): Ended => ({ code: refusedCode, stdout: "", stderr: `\n${text}\n` });
    const file = (text: string, ending: string) => {
      const path = join(folder, `input.${ending}`);
      writeFileSync(path, text);
      return path;
    };

    it("the manual's lines work as they stand on `serve --sandbox`, and print nothing", async () => {
      const env = { LOCKKEEPER_LISTEN: "127.0.0.1:0", LOCKKEEPER_DATA_DIR: join(folder, "data") };
      const { url } = await startProgram([main, "serve", "--sandbox"], env);
      const door = (as: string) => ({ endpoint: `${url}/aws`, ...sandboxPair(as) });
      for (const { as, line } of manual) expect(await aws(line, door(as)), line).toEqual(done);
      const query = ["--query", "[Certificates,ServiceSpecificCredentials][][].Status", "--output", "text"];
      for (const list of [
        ["list-signing-certificates", "--user-name", "Bob"],
        ["list-service-specific-credentials", "--user-name", "sofia", "--service-name", "codecommit.amazonaws.com"],
      ]) {
        expect(await aws([...list, ...query], door("viewer"))).toEqual({ ...done, stdout: "Inactive\n" });
      }
    });

    it("so do the other updates, and all of them reach IAM", async () => {
      const sent = await updatesOf(async () => {
        for (const { as, line } of manual) expect(await through(line, as), line).toEqual(done);
        for (const line of otherUpdates) expect(await through(line), line).toEqual(done);
      });
      expect(sent).toEqual([
        "UpdateSigningCertificate Inactive",
        "UpdateServiceSpecificCredential Inactive",
        "UpdateServiceSpecificCredential Inactive",
        "UpdateAccessKey Inactive",
        "UpdateSSHPublicKey Inactive",
      ]);
    });

    it("a change may come from a file, or from a skeleton that was filled in", async () => {
      const skeleton = await through("update-signing-certificate --generate-cli-skeleton");
      const given = { UserName: "Bob", CertificateId: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", Status: "Inactive" };
      const filled = JSON.parse(skeleton.stdout) as object;
      expect(Object.keys(filled)).toEqual(Object.keys(given));
      const inputs = [
        ["--cli-input-json", `file://${file(JSON.stringify({ ...filled, ...given }), "json")}`],
        ["--cli-input-json", JSON.stringify({ ...given, UserName: "BOB" })],
      ];
      if (yaml) {
        const { stdout } = await through("update-signing-certificate --generate-cli-skeleton yaml-input");
        // Not the same change again: within a second that would be the same request, which is made once.
        const changed = { ...given, UserName: "bob" };
        const edited = stdout.replace(/^(\w+): .*$/gm, (_, key: keyof typeof given) => `${key}: ${changed[key]}`);
        inputs.push(["--cli-input-yaml", `file://${file(edited, "yaml")}`]);
      }
      const sent = await updatesOf(async () => {
        for (const input of inputs) {
          expect(await aws(["update-signing-certificate", ...input], stage.door("oncall"))).toEqual(done);
        }
      });
      expect(sent).toEqual(inputs.map(() => "UpdateSigningCertificate Inactive"));
    });

    it("reads print through the gateway what they print without it", async () => {
      for (const line of reads) {
        const [gated, straight] = await Promise.all([through(line, "viewer"), aws(line, stage.straight)]);
        expect(gated, line).toEqual(straight);
        expect(gated, line).toMatchObject({ code: 0, stdout: expect.stringMatching(/\S/) });
      }
    });

    it("what AWS refuses is refused with AWS's code and AWS's words", async () => {
      for (const [line, text] of recordedRefusals) {
        const [gated, straight] = await Promise.all([through(line), aws(line, stage.straight)]);
        expect(gated, line).toEqual(refused(text));
        expect(straight, line).toEqual(refused(text));
      }
    });

    it("and everything else that is refused ends as it does straight at IAM", async () => {
      for (const line of otherRefusals) {
        const [gated, straight] = await Promise.all([through(line), aws(line, stage.straight)]);
        expect(gated, line).toEqual(straight);
        expect(gated.code, line).not.toBe(0);
      }
    });

    it("switching on needs the ticket in the endpoint, with a slash at its end or without", async () => {
      const sent = await updatesOf(async () => {
        const denied = await through(switchOn);
        expect({ ...denied, stderr: "" }).toEqual({ code: refusedCode, stdout: "", stderr: "" });
        expect(denied.stderr).toMatch(
          /^\nAn error occurred \(AccessDenied\) when calling the UpdateAccessKey operation: User: sandbox oncall is not authorized to perform: iam:UpdateAccessKey on resource: user Bob\. This needs a ticket such as SEC-123\. \[ticket-required\] \(decision [0-9a-f-]{36}, status change [0-9a-f-]{36}\)\n$/,
        );
        // Who has an IAM user is called as AWS calls them.
        expect((await through(switchOn, "bob")).stderr).toContain(
          ": User: arn:aws:iam::123456789012:user/Bob is not authorized to perform: iam:UpdateAccessKey on resource: user Bob",
        );
        expect(await through(switchOn, "oncall", "/aws/ticket/SEC-123")).toEqual(done);
        expect(await through(switchOn, "oncall", "/aws/ticket/SEC-123/")).toEqual(done);
      });
      expect(sent).toEqual(["UpdateAccessKey Active", "UpdateAccessKey Active"]);
    });

    it("who cannot prove who they are gets AWS's codes, and what the door does not do is denied", async () => {
      const pair = stage.door("oncall");
      const code = async (line: string, place: Place) => {
        const { stderr, code } = await aws(line, place);
        expect(code).toBe(refusedCode);
        return /\((\w+)\) when calling/.exec(stderr)?.[1];
      };
      const sent = await updatesOf(async () => {
        expect(
          await Promise.all([
            code(switchOff, { ...pair, secretAccessKey: "sandbox-oncall-secreT" }),
            code(switchOff, { ...pair, accessKeyId: "AKIASANDBOXONCALLS" }),
            code(switchOff, { ...pair, sessionToken: "FwoGZXIvYXdzEXAMPLE" }),
            code("create-user --user-name Mallory", pair),
          ]),
        ).toEqual(["SignatureDoesNotMatch", "InvalidClientTokenId", "InvalidClientTokenId", "AccessDenied"]);
      });
      expect(sent).toEqual([]);
    });

    it("lists come in the pages that were asked for, and go on where they stopped", async () => {
      const names = "--query Users[].UserName --output text";
      const [gated, straight] = await Promise.all([
        through(`list-users ${names} --page-size 50`, "viewer"),
        aws(`list-users ${names} --page-size 50`, stage.straight),
      ]);
      expect(gated).toEqual(straight);
      expect(gated.stdout.trim().split(/\s+/)).toHaveLength(126);
      // Text is printed page by page.
      expect(gated.stdout.trim().split("\n")).toHaveLength(3);

      const seen: string[] = [];
      let token: string | undefined;
      do {
        const next: string = token === undefined ? "" : ` --starting-token ${token}`;
        const { stdout, code } = await through(`list-users --page-size 30 --max-items 50${next}`, "viewer");
        expect(code).toBe(0);
        const page = JSON.parse(stdout) as { Users: { UserName: string }[]; NextToken?: string };
        seen.push(...page.Users.map(({ UserName }) => UserName));
        token = page.NextToken;
      } while (token !== undefined);
      expect(seen).toEqual(gated.stdout.trim().split(/\s+/));
    });

    const strikes = (fault: Fault) => stage.iam.faults.next({ action: "Update*", ...fault });

    it("IAM's throttling goes by unseen while it is short", async () => {
      strikes({ kind: "throttle", times: 2 });
      const sent = await updatesOf(async () => expect(await through(switchOffUser(1))).toEqual(done));
      expect(sent).toHaveLength(3);
    });

    it("throttling that stays ends as it does at AWS, after as many attempts", async () => {
      const quota = await startStage({ env: { LOCKKEEPER_LIMIT_READS: "1" } });
      try {
        const line = "list-access-keys --user-name Bob";
        expect((await aws(line, quota.door("viewer"))).code).toBe(0);
        quota.iam.faults.next({ kind: "throttle", times: "always" });
        const [gated, straight] = await Promise.all([aws(line, quota.door("viewer")), aws(line, quota.straight)]);
        expect(gated).toEqual(
          refused(
            `An error occurred (Throttling) when calling the ListAccessKeys operation (reached max retries: ${attempts - 1}): Rate exceeded`,
          ),
        );
        expect(straight).toEqual(gated);
        // The first one, and those that went past the gateway.
        expect(quota.iam.journal.calls("ListAccessKeys")).toBe(1 + attempts);
      } finally {
        await quota.close();
      }
    });

    it("of a lost answer it says what was seen, and nothing is sent a second time", async () => {
      for (const [n, kind] of (["lost", "reset-after", "server-error-after", "empty-200"] as const).entries()) {
        strikes({ kind });
        const sent = await updatesOf(async () => expect(await through(switchOffUser(2 + n)), kind).toEqual(done));
        expect(sent, kind).toEqual(["UpdateAccessKey Inactive"]);
      }
    });

    it("an outcome that nobody knows is an error that it does not answer by sending again", async () => {
      strikes({ kind: "lost" });
      stage.iam.faults.next({ kind: "server-error", action: "List*", times: "always" });
      const asked = await requestsAt(stage);
      const sent = await updatesOf(async () => {
        const { code, stdout, stderr } = await through(switchOffUser(9), "oncall", "/aws/ticket/SEC-123");
        expect({ code, stdout }).toEqual({ code: refusedCode, stdout: "" });
        expect(stderr).toMatch(
          /^\nAn error occurred \(EntityTemporarilyUnmodifiable\) when calling the UpdateAccessKey operation: IAM may or may not have made this change\. .*\(status change [0-9a-f-]{36}\)\n$/,
        );
      });
      expect(sent).toEqual(["UpdateAccessKey Inactive"]);
      expect((await requestsAt(stage)) - asked).toBe(1);
    });
  });
}
