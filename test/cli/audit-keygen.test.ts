import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { readSigningKey } from "../../src/audit/signing-key.ts";
import { auditKey, auditKeygen } from "../../src/cli/audit-keygen.ts";
import { parseSigner } from "../../src/tlog/note.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { refusal } from "../fixture/errors.ts";

let folder: ReturnType<typeof dataFolder>;
let out: string;
let printed: string[];
let noted: string[];
const output = { print: (line: string) => printed.push(line), note: (line: string) => noted.push(line) };

beforeEach(() => {
  folder = dataFolder();
  out = join(folder.path, "signing-key");
  printed = [];
  noted = [];
});
afterEach(() => folder.remove());

describe("lockkeeper audit keygen", () => {
  it("keeps the key in a file of the owner's and prints the public one, and nothing secret", () => {
    auditKeygen(output, { origin: "example.com/log", out });
    const { verifier } = parseSigner(readSigningKey(out));
    expect(printed).toEqual([verifier]);
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const secret = readFileSync(out, "utf8").trim().split("+").slice(4).join("+");
    expect([...printed, ...noted].join("\n")).not.toContain(secret);
  });

  it("says what to write into the configuration", () => {
    auditKeygen(output, { origin: "example.com/log", out });
    const snippet = noted.filter((line) => line.startsWith("  ")).join("\n");
    expect(parse(snippet)).toEqual({ audit: { origin: "example.com/log", signingKeyFile: out } });
    expect(noted.join("\n")).toContain("audit.formerKeys");
  });

  it("does not replace a key", async () => {
    auditKeygen(output, { origin: "example.com/log", out });
    const before = readFileSync(out, "utf8");
    const { code, message } = await refusal(() => auditKeygen(output, { origin: "example.com/log", out }));
    expect(code).toBe("configuration");
    expect(message).toMatch(/is there already, and is not replaced/);
    expect(readFileSync(out, "utf8")).toBe(before);
    expect(printed).toHaveLength(1);
  });
});

describe("lockkeeper audit key", () => {
  it("prints the public key again", async () => {
    auditKeygen(output, { origin: "example.com/log", out });
    auditKey(output, out);
    expect(printed[1]).toBe(printed[0]);
    expect((await refusal(() => auditKey(output, `${out}.gone`))).message).toMatch(/There is no signing key/);
  });
});
