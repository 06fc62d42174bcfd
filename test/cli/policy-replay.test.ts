import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { buildPolicies } from "../../scripts/build-policies.mjs";
import { auditExport } from "../../src/cli/audit-export.ts";
import { policyReplay, type ReplayArguments } from "../../src/cli/policy-replay.ts";
import { openLog } from "../../src/open-log.ts";
import { openOn } from "../audit/sqlite-fixture.ts";
import { Attacker } from "../audit/verify/attacker.ts";
import { candidate, nightNeedsTicket } from "../fixture/candidates.ts";
import { TestClock } from "../fixture/clock.ts";
import { configuredAccount, configuredLog } from "../fixture/configured-log.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { refusal } from "../fixture/errors.ts";
import { type Asked, decideOnRecord, mixedRequest } from "../fixture/history.ts";
import { newSchema, postgresDatabase } from "../fixture/postgres.ts";
import { pdpWith, sandboxData, shippedBundle } from "../policy/policies.ts";

const SITE = "src/sandbox/site.json";
const folder = dataFolder();
const shipped = buildPolicies().bundle;
let night = "";
const { pdp } = pdpWith(shippedBundle(), sandboxData());

/** On-call switches two keys off, one by night and one by day; a viewer may not. */
const history: readonly Asked[] = ["02:00", "12:00", "02:30"].map((at, number) => ({
  ...mixedRequest(number),
  kind: "change",
  who: { id: number === 2 ? "viewer" : "oncall", issuer: "sandbox", kind: "human", groups: [], authn: "sandbox-token" },
  change: {
    credential: { type: "access-key", id: `AKIA${number}EXAMPLEEXAMPLE`, userName: "Bob" },
    status: "Inactive",
  },
  context: { ...mixedRequest(number).context, receivedAt: Date.parse(`2026-11-21T${at}:00Z`) },
}));

beforeAll(async () => {
  const journal = await openOn(folder.database);
  for (const asked of history) await decideOnRecord(journal, pdp, asked);
  await journal.close();
  night = candidate(mkdtempSync(join(folder.path, "night-")), nightNeedsTicket);
});
afterAll(() => folder.remove());
const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

async function run(typed: Partial<ReplayArguments> = {}) {
  const printed: string[] = [];
  const noted: string[] = [];
  const output = { print: (line: string) => printed.push(line), note: (line: string) => noted.push(line) };
  const code = await policyReplay(
    { clock: new TestClock(), output },
    { where: folder.database, bundle: night, data: SITE, ...typed },
  );
  return { code, text: printed.join("\n"), noted };
}
const json = async (typed: Partial<ReplayArguments> = {}) => JSON.parse((await run({ format: "json", ...typed })).text);

describe("lockkeeper policy replay", () => {
  it("says for people what would flip, whose it was, why it was so and why it would not be", async () => {
    const { code, text } = await run();
    expect(code).toBe(0);
    const { revision } = (await json()).candidate;
    const [line = "", ...others] = text.split("\n");
    expect(line).toBe(`1 of 3 decisions in ${folder.database} would flip under policies ${revision}`);
    expect(others.join("\n").replace(/change [0-9a-f-]{36}/, "change ID")).toBe(`  deny -> allow  0
  allow -> deny  1
  time           2026-11-21T02:00:00.000Z to 2026-11-21T12:00:00.000Z

allow -> deny  1 x  iam:UpdateAccessKey to Inactive (access-key)
  was       oncall-switch-off: On-call may switch a credential off.
  would be  not-permitted: Nothing allows this principal to do this.
  by        sandbox oncall (1)
  time      2026-11-21T02:00:00.000Z
  example   record 0, change ID, user Bob, AKIA0EXAMPLEEXAMPLE, by sandbox oncall
  records   0`);
  });

  it("writes a table for a pull request", async () => {
    const { text } = await run({ format: "markdown" });
    const row = text
      .split("\n")
      .at(-1)
      ?.replace(/change `[0-9a-f-]{36}`/, "change `ID`");
    expect(row).toBe(
      "| allow -&#62; deny | 1 | `iam:UpdateAccessKey to Inactive (access-key)` | `oncall-switch-off` On-call may switch a credential off. | `not-permitted` Nothing allows this principal to do this. | `sandbox oncall` (1) | 2026-11-21T02:00:00.000Z | record 0, change `ID`, user `Bob`, `AKIA0EXAMPLEEXAMPLE`, by `sandbox oncall` | 0 |",
    );
  });

  it("writes all that it knows for programs", async () => {
    expect(await json()).toMatchObject({
      log: folder.database,
      judged: 3,
      flips: { "deny-to-allow": 0, "allow-to-deny": 1 },
      groupCount: 1,
      groups: [{ before: [{ code: "oncall-switch-off" }], after: [{ code: "not-permitted" }], records: [0] }],
    });
    expect(await json({ limit: "0" })).toMatchObject({ groupCount: 1, groups: [] });
  });

  it("shows as many groups as it was told to, and says how many more there are", async () => {
    const nobody = { bundle: shipped, data: "policies/data.json" };
    const { text } = await run({ ...nobody, limit: "0" });
    expect(text).not.toContain("was ");
    expect(text).toContain("and 1 more group: --limit shows more");
  });

  it.each([
    [[], 0],
    [["deny-to-allow"], 0],
    [["allow-to-deny"], 1],
    [["deny-to-allow", "allow-to-deny"], 1],
  ] as const)("with --fail-on %j exits with %i", async (failOn, code) => {
    expect((await run({ failOn })).code).toBe(code);
    expect((await run({ failOn, bundle: shipped })).code).toBe(0);
  });

  const lockkeeper = (where: string, ...more: string[]) => {
    const args = ["policy", "replay", where, "--bundle", night, "--data", SITE, ...more];
    return [process.execPath, "src/main.ts", ...args];
  };

  it("exits like that as a process, too", () => {
    const replay = (...more: string[]) => {
      const [command = "", ...args] = lockkeeper(folder.database, ...more);
      return spawnSync(command, args, { encoding: "utf8" });
    };
    expect(replay("--fail-on", "deny-to-allow", "--fail-on", "allow-to-deny")).toMatchObject({ status: 1, stderr: "" });
    expect(replay("--user", "nobody", "--fail-on", "allow-to-deny")).toMatchObject({
      status: 1,
      stderr:
        "No decision was judged again: nothing in the log is what was asked for.\n" +
        "Whether there are flips that --fail-on names is not known, so this has failed.\n",
    });
    expect(replay("--user", "nobody")).toMatchObject({ status: 0 });
  });

  it("is read to its end however long it is, or as far as somebody wants it", () => {
    const copy = dataFolder();
    cleanUp.push(copy.remove);
    copyFileSync(folder.database, copy.database);
    const by = new Attacker(copy.database);
    const record = JSON.parse(by.body(0));
    record.unmapped.decision.reasons[0].message = "long ".repeat(200_000);
    by.run("UPDATE records SET body = ? WHERE idx = 0", JSON.stringify(record));
    by.close();
    const piped = (reader: string) => {
      const script = `"$@" | ${reader}; echo "\${PIPESTATUS[0]}" >&2`;
      const args = [
        "-c",
        script,
        "bash",
        ...lockkeeper(copy.database, "--format", "json", "--fail-on", "allow-to-deny"),
      ];
      return spawnSync("bash", args, { encoding: "utf8", maxBuffer: 8_000_000 });
    };
    const whole = piped("cat");
    expect(JSON.parse(whole.stdout).groups[0].before[0].message).toHaveLength(1_000_000);
    expect(whole.stderr).toBe("1\n");
    expect(piped("head -c 10")).toMatchObject({ stdout: '{\n  "log":', stderr: "1\n" });
  });

  it("reads an export as it reads the log", async () => {
    const out = join(folder.path, "export");
    const output = { print: () => {}, note: () => {} };
    const { signal } = new AbortController();
    await auditExport(
      { clock: new TestClock(), output, stdout: process.stdout, signal },
      { where: folder.database, format: "tiles", out },
    );
    const { log: _, ...exported } = await json({ where: out });
    const { log: __, ...live } = await json();
    expect(exported).toEqual(live);
    expect(exported.judged).toBe(3);
  });

  it.each(["a file", "PostgreSQL"])("reads the configured log in %s, by the configured data", async (kind) => {
    const database = kind === "PostgreSQL" ? await postgresDatabase() : undefined;
    if (database !== undefined) cleanUp.push(() => database.drop());
    const place = configuredLog(database && { postgres: { ...database.address, schema: newSchema() } });
    cleanUp.push(place.remove);
    const journal = await openLog({ config: place.config, owner: configuredAccount }, { exclusive: true });
    for (const asked of history) await decideOnRecord(journal, pdp, asked);
    await journal.close();
    const config = join(place.folder, "lockkeeper.yaml");
    copyFileSync(SITE, join(place.folder, "site.json"));
    const bare = { where: undefined, config, data: undefined };
    expect(await json(bare)).toMatchObject({ judged: 3, flips: { "allow-to-deny": 1 } });
    expect(await json({ ...bare, data: "policies/data.json" })).toMatchObject({ flips: { "allow-to-deny": 2 } });
    expect(await json({ where: folder.database, config, data: undefined })).toMatchObject({ judged: 3 });
  });

  it("takes the configured user for the gateway's own", async () => {
    const iam = { account: configuredAccount, ownUserName: "bob" };
    const place = configuredLog({ iam });
    cleanUp.push(place.remove);
    const config = join(place.folder, "lockkeeper.yaml");
    const found = await json({ config, bundle: shipped });
    expect(found.groups.map(({ after }: { after: { code: string }[] }) => after[0]?.code)).toEqual([
      "gateway-own-user",
    ]);
    expect(await json({ config, bundle: shipped, ownUser: ["carol"] })).toMatchObject({ groups: [] });
  });
});

describe("a candidate that no gateway would take is not tried", () => {
  const file = (name: string, bytes: Uint8Array | string) => {
    const path = join(folder.path, name);
    writeFileSync(path, bytes);
    return path;
  };

  it.each([
    ["cut short", (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    ["with another byte", (bytes: Buffer) => Buffer.from(bytes.map((byte, at) => (at === 4000 ? byte ^ 1 : byte)))],
    ["that is none", () => Buffer.from("policies")],
  ])("a bundle %s", async (name, tamper) => {
    const bundle = file(`${name}.tar.gz`, tamper(readFileSync(night)));
    const { code, message } = await refusal(run({ bundle }));
    expect([code, message]).toEqual(["policy-unavailable", expect.stringContaining("Cannot load the policy bundle")]);
  });

  it("policies that allow everything", async () => {
    const more = 'allow contains {"code": "all", "message": "All."} if input.action\n';
    const bundle = candidate(mkdtempSync(join(folder.path, "all-")), [{ file: "changes/changes.rego", more }]);
    expect((await refusal(run({ bundle }))).message).toContain("it allows a request that nobody made");
  });

  it("data of another shape", async () => {
    const data = file("data.json", JSON.stringify({ site: { roles: "none" } }));
    expect((await refusal(run({ data }))).message).toContain("The policy data is not what the policies expect");
  });

  it.each([
    [{ format: "xml" }, "--format: Choose one of: table, markdown, json."],
    [{ failOn: ["everything"] }, "--fail-on: Choose one of: deny-to-allow, allow-to-deny."],
    [{ limit: "many" }, "--limit: Give a number of groups."],
    [{ since: "yesterday" }, "--since: Write a time as"],
    [{ data: undefined }, "Name the data that the candidate is to decide by"],
    [{ where: "/nowhere.db" }, "Cannot read an audit log"],
  ])("with %j it says what to do", async (typed, message) => {
    expect((await refusal(run(typed))).message).toContain(message);
  });
});

describe("what somebody has chosen to be called", () => {
  const hostile = "eve\u001b[2J\n| x | @org/team [a](http://evil.example) <img src=x> ``` \u202eoab";

  async function called(format: string): Promise<string> {
    const copy = dataFolder();
    cleanUp.push(copy.remove);
    copyFileSync(folder.database, copy.database);
    const by = new Attacker(copy.database);
    const record = JSON.parse(by.body(0));
    record.unmapped.input.credential.userName = hostile;
    record.unmapped.input.principal.id = hostile;
    record.unmapped.decision.reasons = [{ code: hostile, message: hostile }];
    by.run("UPDATE records SET body = ? WHERE idx = 0", JSON.stringify(record));
    by.close();
    const { text } = await run({ where: copy.database, format, bundle: shipped, data: "policies/data.json" });
    return text;
  }

  it("leads no terminal astray", async () => {
    const text = await called("table");
    expect(text).toContain("eve\\u{1b}[2J\\u{a}| x |");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });

  it("is neither a cell, a link, a picture nor a mention in a pull request", async () => {
    const text = await called("markdown");
    const rows = text.split("\n").filter((line) => line.startsWith("|"));
    expect(rows).toHaveLength(4);
    for (const row of rows) expect(row.match(/(?<!\\)\|/g)).toHaveLength(10);
    // In code spans nothing means anything; outside of them there is nothing of it that could.
    const outside = rows.join("\n").replace(/(`+)(?!`).*?(?<!`)\1(?!`)/g, "");
    expect(outside).not.toMatch(/@(?!<!-- -->)|<(?!br>|!-- -->)|[[\]]|!\[/);
    expect(outside).toContain("&#60;img src=x&#62;");
  });
});
