import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { auditRecord, type Event } from "../../src/audit/ocsf.ts";
import { auditReceipt, type ReceiptArguments } from "../../src/cli/audit-receipt.ts";
import { parseCosigningKey } from "../../src/tlog/cosignature.ts";
import { leafHash } from "../../src/tlog/hash.ts";
import { generateKey } from "../../src/tlog/note.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { allOf, refusal } from "../fixture/errors.ts";
import { startGateway } from "../fixture/gateway.ts";
import { testKey } from "../fixture/log-keys.ts";
import { smallLog } from "../tlog/small-log.ts";

const denied: Event = {
  code: "credential.status.denied",
  correlation: "0197f3a0-0000-7000-8000-000000000001",
  time: Date.UTC(2026, 0, 2, 3, 4, 5),
  activity: "Update",
  disposition: "Blocked",
  severity: "Medium",
  status: "Failure",
  statusCode: "ticket-missing",
  statusDetail: "Switching on needs a ticket.",
  message: "iam:UpdateAccessKey to Active denied for alice",
  actor: { user: { uid: "alice", type: "human" }, session: { issuer: "https://idp.example" } },
  sourceEndpoint: { ip: "192.0.2.1" },
  api: { operation: "UpdateAccessKey", request: { uid: "r1", data: { status: "Active" } } },
  account: "123456789012",
  resources: [{ type: "access-key", uid: "AKIAIOSFODNN7EXAMPLE", owner: { name: "Bob" } }],
  unmapped: {},
};
const body = auditRecord(denied).body;
const log = smallLog([body, "not JSON", auditRecord({ ...denied, message: "\u001b[2Jgone \u202e\u0085" }).body]);
const receipt = (index = 0) => ({ index, leafHash: leafHash(body).toString("hex"), proof: log.proof(index) });

let folder: ReturnType<typeof dataFolder>;
let printed: string[];
let noted: string[];
const output = { print: (line: string) => printed.push(line), note: (line: string) => noted.push(line) };

beforeEach(() => {
  folder = dataFolder();
  printed = [];
  noted = [];
});
afterEach(() => folder.remove());

const put = (name: string, content: string | Uint8Array) => {
  const file = join(folder.path, name);
  writeFileSync(file, content);
  return file;
};
/** Checks a receipt with this content; by default with the log's key. */
const check = (content: string | Uint8Array | object, options: ReceiptArguments = { key: [log.vkey] }) => {
  printed = [];
  noted = [];
  const text = typeof content === "string" || content instanceof Uint8Array ? content : JSON.stringify(content);
  return auditReceipt(output, put("receipt", text), options);
};
/** Why it proves nothing. */
const reason = (content: string | Uint8Array | object, options?: ReceiptArguments) => {
  expect(check(content, options)).toBe(1);
  expect(printed).toEqual([]);
  return noted.join("\n");
};

describe("lockkeeper audit receipt", () => {
  it("says what a receipt has proven", () => {
    expect(check(log.proof(0))).toBe(0);
    expect(noted).toEqual([]);
    expect(printed).toEqual([
      "The receipt holds: this record is in the log.",
      "  log         example.com/log",
      "  index       0 of 3",
      `  leaf hash   ${leafHash(body).toString("hex")}`,
      expect.stringMatching(/^ {2}root {8}[A-Za-z0-9+/]{43}=$/),
      `  signed by   ${log.vkey}`,
      "  event       credential.status.denied",
      "  change      0197f3a0-0000-7000-8000-000000000001",
      "  time        2026-01-02T03:04:05.000Z",
      "  who         human alice of https://idp.example",
      "  what        UpdateAccessKey to Active",
      "  credential  access-key AKIAIOSFODNN7EXAMPLE of Bob",
      "  outcome     Failure (ticket-missing)",
      "  detail      Switching on needs a ticket.",
      "  message     iam:UpdateAccessKey to Active denied for alice",
    ]);
  });

  it("takes a proof alone, a reply, a problem, a record of the log, or the receipt itself", () => {
    for (const content of [
      log.proof(0),
      { id: denied.correlation, outcome: "denied", receipt: receipt() },
      { type: "urn:lockkeeper:problem:denied", status: 403, receipt: receipt() },
      { ...receipt(), record: JSON.parse(body), text: body },
      receipt(),
      { proof: log.proof(0) },
      `\n  ${JSON.stringify(receipt(), undefined, 2)}\n`,
    ])
      expect(check(content)).toBe(0);
  });

  it("checks what the gateway has answered, as it came", async () => {
    const gateway = await startGateway();
    const body = {
      credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
      status: "Inactive",
    };
    const applied = await gateway.request("POST", "/v1/status-changes", { body });
    const denied = await gateway.request("POST", "/v1/status-changes", { body, as: "viewer" });
    await gateway.close();
    expect([applied.status, denied.status]).toEqual([201, 403]);
    const options = { key: [testKey.verifier] };
    expect(check(applied.text, options)).toBe(0);
    expect(printed).toContain("  event       credential.status.outcome");
    expect(check(denied.text, options)).toBe(0);
    expect(printed).toContain("  event       credential.status.denied");
    expect(reason(denied.text, { key: [log.vkey] })).toMatch(/None of the known keys/);
  });

  it("takes keys from a file, with former ones among them", () => {
    const keyFile = put("keys", `${generateKey(log.origin).verifier}\r\n\n${log.vkey}\n`);
    expect(check(log.proof(0), { keyFile })).toBe(0);
    expect(check(log.proof(0), { keyFile: put("others", generateKey(log.origin).verifier) })).toBe(1);
  });

  it("says when a known witness has seen it", () => {
    const witness = parseCosigningKey(generateKey("witness.example.com/w1").signer, () => Date.UTC(2026, 0, 2));
    const note = log.checkpoint([log.signer, witness]);
    expect(check(log.proof(0, { note }), { key: [log.vkey, witness.verifier] })).toBe(0);
    expect(printed).toContain(`  signed by   ${witness.verifier} at 2026-01-02T00:00:00.000Z`);
    const late = parseCosigningKey(generateKey("witness.example.com/w2").signer, () => 2 ** 70);
    const far = log.checkpoint([log.signer, late]);
    expect(check(log.proof(0, { note: far }), { key: [log.vkey, late.verifier] })).toBe(0);
  });

  it("speaks to programs", () => {
    expect(check(receipt(), { key: [log.vkey], json: true })).toBe(0);
    expect(JSON.parse(printed.join("\n"))).toMatchObject({
      verified: true,
      origin: log.origin,
      index: 0,
      size: 3,
      leafHash: receipt().leafHash,
      signedBy: [log.vkey],
      record: { class_uid: 6003 },
      text: body,
    });
    expect(check({ ...receipt(), index: 1 }, { key: [log.vkey], json: true })).toBe(1);
    expect(JSON.parse(printed.join("\n"))).toEqual({ verified: false, reason: "Its index is not that of its proof." });
    expect(noted).toEqual([]);
  });

  it("needs the record for a receipt that does not carry it, and says what it proves without", () => {
    const bare = log.proof(0, { extra: null });
    expect(reason(bare)).toMatch(/^No record is proven. It does not carry its record. .*--record FILE/);
    expect(reason({ ...receipt(), proof: bare })).toMatch(
      /It proves only that the leaf hash [0-9a-f]{64} is at index 0 of 3 in example.com\/log, not what is on record/,
    );
    expect(reason({ ...receipt(), proof: bare, leafHash: "0".repeat(64) })).toMatch(/not at this index/);
    for (const content of [body, `${body}\n`]) {
      const record = put("record", content);
      expect(check(bare, { key: [log.vkey], record })).toBe(0);
      expect(check({ ...receipt(), proof: bare }, { key: [log.vkey], record })).toBe(0);
      expect(printed).toContain("  event       credential.status.denied");
    }
    const other = put("other", body.replace("alice", "mallory"));
    expect(reason(bare, { key: [log.vkey], record: other })).toMatch(/not at this index/);
    // What the receipt carries does not help against a record that is not the one.
    expect(reason(log.proof(0), { key: [log.vkey], record: other })).toMatch(/not at this index/);
  });

  it("is not taken in by what is written around the proof", () => {
    expect(reason({ ...receipt(), index: 1 })).toMatch(/Its index is not that of its proof/);
    expect(reason({ ...receipt(), leafHash: "0".repeat(64) })).toMatch(/Its leafHash is not that of the record/);
    expect(reason({ ...receipt(), leafHash: 7 })).toMatch(/Its leafHash is not/);
    for (const name of ["id", "statusChange"]) {
      expect(check({ [name]: denied.correlation, receipt: receipt() })).toBe(0);
      expect(reason({ [name]: "0197f3a0-0000-7000-8000-000000000002", receipt: receipt() })).toMatch(
        /of another change/,
      );
    }
    expect(reason({ receipt: { ...receipt(), proof: null } })).toMatch(/came without its proof/);
    expect(reason({ receipt: { index: 0 } })).toMatch(/neither receipt.proof nor proof/);
  });

  it("says what is wrong with a receipt that does not hold", () => {
    const stranger = smallLog([body]);
    expect(reason(stranger.proof(0))).toMatch(/None of the known keys has signed/);
    expect(reason(smallLog([body], { origin: "example.org/x" }).proof(0))).toMatch(/None of the known keys/);
    const forged = log.proof(0, { extra: body.replace("alice", "mallory") });
    expect(reason(forged)).toMatch(/not at this index/);
    for (const [content, message] of [
      ["", /not a proof/],
      ["hello", /not a proof/],
      ["{", /neither a tlog-proof nor the JSON/],
      ['{"__proto__": {"proof": "x"}}', /neither receipt.proof nor proof/],
      [`${log.proof(0)}x`, /signature lines/],
    ] as const)
      expect(reason(content)).toMatch(message);
  });

  it("holds with no single bit changed in its file", () => {
    const text = Buffer.from(log.proof(0, { extra: null }));
    const record = put("record", body);
    for (let bit = 0; bit < text.length * 8; bit += 1) {
      const changed = Buffer.from(text);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      let result: number;
      try {
        result = check(changed, { key: [log.vkey], record });
      } catch {
        result = 1;
      }
      expect(result).toBe(1);
    }
  });

  it("lets nothing in a record steer the terminal", () => {
    expect(check(log.proof(2))).toBe(0);
    expect(printed).toContain("  message     \\u{1b}[2Jgone \\u{202e}\\u{85}");
    expect(check(log.proof(1))).toBe(0);
    expect(printed.at(-1)).toBe("  record      8 bytes, which are no record of Lockkeeper");
  });

  it("says what it cannot work with, and nothing of a secret given by mistake", async () => {
    const file = put("receipt", log.proof(0));
    const refused = async (options: ReceiptArguments, path = file) =>
      refusal(() => auditReceipt(output, path, options));
    expect((await refused({})).message).toMatch(/Give the log's public key with --key or --key-file/);
    expect((await refused({ key: [log.vkey] }, "/nowhere/receipt")).message).toBe(
      "/nowhere/receipt cannot be read: ENOENT.",
    );
    expect((await refused({ key: [log.vkey], record: "/nowhere" })).message).toMatch(/cannot be read/);
    expect((await refused({ keyFile: "/nowhere" })).message).toMatch(/cannot be read/);
    expect((await refused({ key: [log.vkey] }, put("binary", Buffer.of(0xff, 0xfe)))).message).toMatch(
      /not UTF-8 text/,
    );
    expect((await refused({ key: [log.vkey] }, put("large", "x".repeat(2_000_001)))).message).toMatch(/too large/);
    const error = await refused({ key: [log.vkey, log.skey] });
    expect(error.message).toMatch(/^Key 2 of 2 cannot be used/);
    expect(allOf(error)).not.toContain(log.skey.slice(-30));
  });
});
