import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { CallerOptions } from "../../src/cli/caller.ts";
import { accessKey, credentials, showChange, whoAmI } from "../../src/cli/look-up.ts";
import { type SetStatusArguments, setStatus } from "../../src/cli/set-status.ts";
import { loadConfig } from "../../src/config.ts";
import { TestClock } from "../fixture/clock.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { refusal } from "../fixture/errors.ts";
import { type Gateway, startGateway } from "../fixture/gateway.ts";

const folder = dataFolder();
let gateway: Gateway;
let printed: string[];
let noted: string[];

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(async () => {
  await gateway.close();
  folder.remove();
});
beforeEach(() => {
  printed = [];
  noted = [];
});

/** As this principal of the sandbox. */
function caller(as = "oncall", of: { readonly url: string } = gateway): CallerOptions {
  return {
    output: { print: (line) => printed.push(line), note: (line) => noted.push(line) },
    clock: new TestClock(),
    env: { LOCKKEEPER_URL: of.url, LOCKKEEPER_TOKEN: `sandbox-${as}` },
  };
}

const off: SetStatusArguments = {
  type: "access-key",
  id: "AKIAIOSFODNN7EXAMPLE",
  userName: "Bob",
  status: "Inactive",
};
const on: SetStatusArguments = { ...off, status: "Active" };
const id = "[0-9a-f]{8}-[0-9a-f-]{27}";

describe("lockkeeper set-status", () => {
  it("says what was changed, who asked, why it was allowed, and where it is on record", async () => {
    expect(await setStatus(caller("ticketing"), { ...off, ticket: "SEC-123", reason: "leaked" })).toBe(0);
    expect(printed).toEqual([
      "access-key AKIAIOSFODNN7EXAMPLE of Bob is Inactive; it was Active.",
      "  asked by  service ticketing, ticket SEC-123",
      expect.stringMatching(/^ {2}allowed {3}\S/),
      expect.stringMatching(new RegExp(`^  change    ${id}$`)),
      expect.stringMatching(/^ {2}receipt {3}record \d+ of the audit log$/),
    ]);
    expect(noted.join("\n")).toMatch(/eventually consistent/);
    printed = [];
    expect(await setStatus(caller(), off)).toBe(0);
    expect(printed[0]).toBe("access-key AKIAIOSFODNN7EXAMPLE of Bob is Inactive, as it was before.");
  });

  it("prints for programs what the API said", async () => {
    expect(await setStatus(caller("chatops"), { ...off, onBehalfOf: "alice", json: true })).toBe(0);
    expect(JSON.parse(printed.join("\n"))).toMatchObject({ outcome: "applied", onBehalfOf: "alice" });
    printed = [];
    expect(await setStatus(caller("viewer"), { ...off, json: true })).toBe(254);
    expect(JSON.parse(printed.join("\n"))).toMatchObject({ type: "urn:lockkeeper:problem:denied", status: 403 });
  });

  it("that is denied says why, and what is missing", async () => {
    expect(await setStatus(caller(), on)).toBe(254);
    expect(printed).toEqual([]);
    expect(noted).toEqual([
      expect.stringMatching(/^lockkeeper: Denied by policy: .*ticket/),
      "Nothing was changed.",
      "Name the ticket: --ticket SEC-123.",
      expect.stringMatching(new RegExp(`^Decision ${id}, request ${id}\\.$`)),
    ]);
    noted = [];
    expect(await setStatus(caller("chatops"), off)).toBe(254);
    expect(noted).toContain("Name the person: --on-behalf-of PERSON.");
    noted = [];
    expect(await setStatus(caller("viewer"), off)).toBe(254);
    expect(noted[2]).toMatch(/^Whoever keeps the policy/);
  });

  it("as a dry run says what policy would say, and changes nothing", async () => {
    const before = gateway.standIn.journal.entries().length;
    expect(await setStatus(caller(), { ...on, dryRun: true })).toBe(254);
    expect(printed).toEqual([
      "It would be denied:",
      expect.stringMatching(/\(ticket-required\)$/),
      expect.stringMatching(/ data\.lockkeeper\.changes\.missing, lockkeeper\/changes\/changes\.rego:\d+$/),
      "What would be needed:",
      "  With a ticket such as SEC-123 this may be allowed: that depends on facts that have not been looked up.",
      "  With the role admin and a ticket such as SEC-123 this would be allowed.",
    ]);
    printed = [];
    expect(await setStatus(caller(), { ...on, ticket: "SEC-1", dryRun: true })).toBe(0);
    expect(printed[0]).toBe("It would be allowed:");
    printed = [];
    expect(await setStatus(caller(), { ...on, dryRun: true, json: true })).toBe(254);
    expect(JSON.parse(printed.join("\n"))).toMatchObject({ allow: false });
    expect(gateway.standIn.journal.entries().length).toBe(before);
  });

  it("of what IAM does not know, by nobody, or malformed says what to do", async () => {
    expect(await setStatus(caller(), { ...off, userName: "Nobody" })).toBe(254);
    expect(noted).toContain("See what there is: lockkeeper credentials USER, lockkeeper access-key ID.");
    expect(await setStatus(caller("stranger"), off)).toBe(254);
    expect(noted.join("\n")).toMatch(/Check LOCKKEEPER_TOKEN or --token-file/);
    expect(await setStatus(caller(), { ...off, id: "AKIA" })).toBe(254);
    expect(noted.join("\n")).toMatch(/ {2}\/credential\/id: /);
    expect(await setStatus(caller(), { type: "access-key", id: off.id, status: "Inactive" })).toBe(254);
    expect(noted).toContain("Name the credential's IAM user: --user-name NAME.");
  });

  it("whose outcome is not known says so, where to look, and ends as nothing else does", async () => {
    const of = await startGateway();
    of.standIn.faults.next({ kind: "reset-after", action: "Update*" });
    of.standIn.faults.next({ kind: "access-denied", action: "List*", times: "always" });
    expect(await setStatus(caller("oncall", of), { ...off, ticket: "SEC-1", json: true })).toBe(255);
    const { id: changeId } = JSON.parse(printed.join("\n"));
    await of.close();
    expect(noted).toEqual([
      expect.stringMatching(/^Its outcome is not known yet\. Waiting/),
      expect.stringMatching(/^lockkeeper: IAM may or may not have made the change/),
      "lockkeeper: Its outcome is not known, and the credential has not been read back yet.",
      "It is not certain whether anything was changed.",
      `See what becomes of it: lockkeeper change ${changeId}`,
      expect.stringMatching(/^Request /),
    ]);
  });

  it("that nobody answers leaves the key to find out with, or says that nothing was sent", async () => {
    const silent = { url: "http://127.0.0.1:1" };
    expect(await setStatus(caller("oncall", silent), { ...off, idempotencyKey: "my-key" })).toBe(255);
    expect(noted.join("\n")).toMatch(/not certain.*--idempotency-key my-key.*never made twice/s);
    noted = [];
    const of = await startGateway();
    await of.close();
    expect(await setStatus(caller("oncall", of), off)).toBe(255);
    expect(noted).toEqual([
      "lockkeeper: Lockkeeper cannot be reached (ECONNREFUSED).",
      "Nothing was changed. Check --url, and that the gateway is up.",
    ]);
  });
});

describe("lockkeeper whoami, credentials, access-key and change", () => {
  it("tell people", async () => {
    expect(await whoAmI(caller("bob"), {})).toBe(0);
    expect(printed).toEqual([
      "bob, a human, says sandbox (sandbox-token)",
      "  IAM user  Bob",
      "  groups    none",
      "  account   123456789012",
    ]);
    printed = [];
    expect(await credentials(caller(), "sofia", {})).toBe(0);
    expect(printed[0]).toMatch(/^TYPE +ID +STATUS +CREATED +SERVICE$/);
    expect(printed[1]).toMatch(/^service-specific-credential {2}ACCAEXAMPLE123EXAMPLE {2}Active .* codecommit/);
    printed = [];
    expect(await accessKey(caller(), off.id, {})).toBe(0);
    expect(printed[0]).toMatch(/^AKIAIOSFODNN7EXAMPLE belongs to Bob and is (In)?[Aa]ctive\.$/);
    printed = [];
    await setStatus(caller(), { ...off, json: true });
    const { id: changeId } = JSON.parse(printed.join("\n"));
    printed = [];
    expect(await showChange(caller("viewer"), changeId, {})).toBe(0);
    expect(printed).toContain(`  change    ${changeId}`);
  });

  it("tell programs", async () => {
    expect(await whoAmI(caller(), { json: true })).toBe(0);
    expect(JSON.parse(printed.join("\n"))).toMatchObject({ id: "oncall", account: "123456789012" });
  });

  it("say no as the service does", async () => {
    expect(await credentials(caller("sofia"), "Bob", {})).toBe(254);
    expect(await accessKey(caller(), "AKIANOBODYSACCESSKEY", {})).toBe(254);
    expect(await credentials(caller(), "..", {})).toBe(252);
  });
});

describe("who and where", () => {
  it("come from the environment, or before it from the command line; a token from a file, never an argument", async () => {
    const file = join(folder.path, "token");
    writeFileSync(file, "sandbox-viewer\n");
    expect(await whoAmI(caller("oncall", { url: "http://127.0.0.1:1" }), { url: gateway.url, tokenFile: file })).toBe(
      0,
    );
    expect(printed[0]).toMatch(/^viewer/);
  });

  it("that are missing or cannot be used are said to be, before anything is sent, and no secret is shown", async () => {
    const { output, clock } = caller();
    const LOCKKEEPER_URL = gateway.url;
    expect(await whoAmI({ output, clock, env: {} }, {})).toBe(253);
    expect(await whoAmI({ output, clock, env: { LOCKKEEPER_URL } }, {})).toBe(253);
    expect(await whoAmI({ output, clock, env: { LOCKKEEPER_URL } }, { tokenFile: "/nowhere" })).toBe(253);
    expect(await whoAmI({ output, clock, env: { LOCKKEEPER_URL, LOCKKEEPER_TOKEN: "top secret" } }, {})).toBe(253);
    expect(
      await whoAmI({ output, clock, env: { LOCKKEEPER_URL: "https://me:secret@x", LOCKKEEPER_TOKEN: "t" } }, {}),
    ).toBe(253);
    expect(noted).toEqual([
      "lockkeeper: Say which gateway to ask: --url https://lockkeeper.example, or LOCKKEEPER_URL.",
      "lockkeeper: Say who you are: LOCKKEEPER_TOKEN, or --token-file FILE. (Others could see an argument.)",
      "lockkeeper: /nowhere cannot be read: ENOENT.",
      expect.stringMatching(/^lockkeeper: The token is empty or has blanks/),
      expect.stringMatching(/^lockkeeper: The gateway's URL must have no user name/),
    ]);
    expect(noted.join()).not.toContain("secret");
  });

  it("are no settings of a gateway that runs in the same environment", async () => {
    const env = { LOCKKEEPER_URL: "https://lockkeeper.example", LOCKKEEPER_TOKEN: "lk_secret" };
    const { message } = await refusal(() => loadConfig({ env }));
    expect(message).not.toMatch(/LOCKKEEPER_(URL|TOKEN)|lk_secret/);
  });
});

describe("the command line", () => {
  const main = new URL("../../src/main.ts", import.meta.url).pathname;
  const lockkeeper = (...args: string[]) =>
    new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
      const env = { PATH: process.env["PATH"], LOCKKEEPER_URL: gateway.url, LOCKKEEPER_TOKEN: "sandbox-oncall" };
      execFile(process.execPath, [main, ...args], { env }, (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }),
      );
    });

  it.each([
    [
      ["set-status", "--type", "access-key", "--id", off.id, "--status", "Expired"],
      /Allowed choices are Active, Inactive/,
    ],
    [
      ["set-status", "--type", "password", "--id", "x", "--status", "Active"],
      /Allowed choices are signing-certificate/,
    ],
    [["set-status", "--type", "access-key", "--status", "Inactive"], /required option '--id <id>' not specified/],
    [["credentials"], /missing required argument 'user'/],
    [["whoami", "--token", "lk_secret"], /unknown option '--token'/],
    [["set-stat", "--id", off.id], /unknown command 'set-stat'/],
    [["--json", "whoami"], /unknown option '--json'/],
    [[], /Usage: lockkeeper/],
  ])("%j is bad usage: 252", async (args, message) => {
    const { code, stderr } = await lockkeeper(...args);
    expect([code, stderr]).toEqual([252, expect.stringMatching(message)]);
  });

  it("ends with the service's exit codes, and with 0 after help", async () => {
    const args = ["--id", off.id, "--user-name", "Bob", "--type", "access-key", "--status"];
    const done = await lockkeeper("set-status", ...args, "Inactive", "--json");
    expect([done.code, JSON.parse(done.stdout)]).toMatchObject([0, { outcome: "applied" }]);
    expect((await lockkeeper("set-status", ...args, "Active")).code).toBe(254);
    expect((await lockkeeper("set-status", "--help")).code).toBe(0);
    expect((await lockkeeper("--help")).code).toBe(0);
    expect((await lockkeeper("whoami", "--url", "https://")).code).toBe(253);
  });
});
