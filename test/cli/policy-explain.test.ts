import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPolicies } from "../../scripts/build-policies.mjs";
import { openSqliteReader } from "../../src/audit/sqlite/reader.ts";
import { outlineOf } from "../../src/audit/verify/outline.ts";
import { auditShow } from "../../src/cli/audit-show.ts";
import { type ExplainArguments, policyExplain } from "../../src/cli/policy-explain.ts";
import type { PolicyInput } from "../../src/policy/input.ts";
import { openOn } from "../audit/sqlite-fixture.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { refusal } from "../fixture/errors.ts";
import { decideOnRecord, mixedRequest } from "../fixture/history.ts";
import { pdpWith, sandboxData, shippedBundle } from "../policy/policies.ts";
import { input, principal } from "../policy/requests.ts";

const folder = dataFolder();
const base = { bundle: buildPolicies().bundle, data: "src/sandbox/site.json" };
const { pdp } = pdpWith(shippedBundle(), sandboxData());
afterAll(() => folder.remove());

async function run(typed: Partial<ExplainArguments>) {
  const printed: string[] = [];
  const noted: string[] = [];
  const output = { print: (line: string) => printed.push(line), note: (line: string) => noted.push(line) };
  await policyExplain(output, { ...base, ...typed });
  return { text: printed.join("\n"), noted };
}

function file(content: unknown): string {
  const path = join(mkdtempSync(join(folder.path, "input-")), "input.json");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

describe("policy explain of an input", () => {
  const keyOff = input(principal("oncall"), {
    credential: { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName: "Bob" },
  });
  const switchOn = input(principal("oncall"), { status: "Active" });

  it("tells why it is denied, by which rule, and what would be needed", async () => {
    const { text, noted } = await run({ input: file(switchOn) });
    expect(text).toMatch(/^DENIED by the policies [0-9a-f]{12}:$/m);
    expect(text).toContain("  This needs a ticket such as SEC-123. (ticket-required)\n");
    expect(text).toMatch(/^ {6}data\.lockkeeper\.changes\.missing, lockkeeper\/changes\/changes\.rego:\d+$/m);
    expect(text).toMatch(/^What would be needed:\n {2}With a ticket such as SEC-123 this may be allowed:/m);
    expect(text).toMatch(/^ {2}With the role admin and a ticket such as SEC-123 this would be allowed\.$/m);
    expect(text).not.toContain("Facts seen");
    expect(noted).toEqual([]);
  });

  it("tells why it is allowed, and the facts that policy has seen", async () => {
    const facts = { siblings: [{ id: "A\u202eB", status: "Active" }], user: { path: "/", tags: {} } };
    const { text } = await run({ input: file({ ...keyOff, facts }) });
    expect(text).toMatch(/^ALLOWED by/);
    expect(text).toContain('Facts seen:\n  siblings: [{"id":"A\\u{202e}B","status":"Active"}]');
    expect(text).not.toContain("needed");
  });

  it("tells which facts an input lacks", async () => {
    const { text, noted } = await run({ input: file({ ...keyOff, facts: { user: { path: "/", tags: {} } } }) });
    expect(text).toMatch(/^UNDECIDED by/);
    expect(text).not.toContain("What would be needed");
    expect(noted).toEqual(["It depends on facts that the input does not hold: siblings."]);
  });

  it("tells that nothing would help", async () => {
    const { text } = await run({ input: file(input(principal("mallory"))) });
    expect(text).toContain("Nothing that could be added would make this allowed.");
  });

  it("guards the gateway's own users, which policies may not know", async () => {
    const typed = { input: file(input(principal("admin"))), ownUser: ["bob"] };
    const { text } = await run(typed);
    expect(text).toContain("(gateway-own-user)\n      denied by the gateway itself");
    expect(JSON.parse((await run({ ...typed, json: true })).text)).toMatchObject({
      allow: false,
      reasons: [{ code: "gateway-own-user", source: "gateway" }],
      remedies: [],
    });
  });

  it.each<[string, string]>([
    ["no JSON", "secret words"],
    ["no object", "[1]"],
    ["no principal", '{"action": "iam:UpdateAccessKey"}'],
    ["a record of no decision", '{"index": 0, "leafHash": "", "record": {"unmapped": {}}}'],
    ["a record that was pruned", '{"index": 0, "leafHash": "", "record": null}'],
  ])("is refused for %s, which is not repeated", async (_, text) => {
    const { code, message } = await refusal(() => run({ input: file(text) }));
    expect(code).toBe("malformed-request");
    expect(message).toMatch(/no JSON|no policy input/);
    expect(message).not.toContain("secret");
  });

  it("needs to be told what to explain, once", async () => {
    expect(await refusal(() => run({}))).toMatchObject({ code: "malformed-request" });
    expect(await refusal(() => run({ input: "a", change: "b" }))).toMatchObject({ code: "malformed-request" });
  });
});

describe("policy explain of a log", () => {
  let changes: { readonly id: string; readonly index: number }[] = [];
  beforeAll(async () => {
    const journal = await openOn(folder.database);
    for (let number = 0; number < 30; number += 1) await decideOnRecord(journal, pdp, mixedRequest(number));
    await journal.close();
    const reader = openSqliteReader(folder.database);
    changes = [];
    for await (const entries of reader.records(0, await reader.size())) {
      for (const { body, index } of entries) {
        const outline = body === null ? undefined : outlineOf(body);
        if (outline?.code === "credential.status.denied") changes.push({ id: outline.correlation, index });
      }
    }
    await reader.close();
  });

  it("explains a change by its id, and says how it was decided then", async () => {
    const [denied] = changes;
    const { text } = await run({ where: folder.database, change: denied?.id ?? "" });
    expect(text).toMatch(/^DENIED by/);
    expect(text).toMatch(/^On record: DENIED \([a-z, -]+\)$/m);
  });

  it("explains a record as audit show prints it, and the record alone", async () => {
    const [denied] = changes;
    const shown: string[] = [];
    const output = { print: (line: string) => shown.push(line), note: () => {} };
    await auditShow(output, String(denied?.index), { dataDir: folder.path, last: 1 });
    const printed: { record: { unmapped: { input: PolicyInput } } } = JSON.parse(shown.join(""));
    const { text } = await run({ input: file(printed) });
    expect(text).toMatch(/^DENIED by[\s\S]*^On record: DENIED/m);
    expect((await run({ input: file(printed.record) })).text).toBe(text);
    const bare = (await run({ input: file(printed.record.unmapped.input) })).text;
    expect(text).toBe(`${bare}\n${text.split("\n").at(-1)}`);
  });

  it("says that there is no such change", async () => {
    expect(await refusal(() => run({ where: folder.database, change: "none" }))).toMatchObject({ code: "not-found" });
  });
});
