import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import express from "express";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { stringify } from "yaml";
import { loadContract, requestValidation } from "../../src/http/contract.ts";
import { PAGE_SIZE } from "../../src/http/page.ts";
import { parseCheckpoint } from "../../src/tlog/checkpoint.ts";
import { leafHash } from "../../src/tlog/hash.ts";
import { openNote, parseVerifier } from "../../src/tlog/note.ts";
import { verifyProof } from "../../src/tlog/tlog-proof.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { document, strictAjv } from "../fixture/documented-replies.ts";

const folder = dataFolder();
afterEach(() => {
  vi.restoreAllMocks();
  folder.remove();
});

function contractOf(content: unknown) {
  const { path, remove } = dataFolder();
  const file = join(path, "openapi.yaml");
  writeFileSync(file, typeof content === "string" ? content : stringify(content));
  try {
    return loadContract(pathToFileURL(file));
  } finally {
    remove();
  }
}

describe("a contract that cannot be kept stops the start", () => {
  it.each<[string, unknown]>([
    [
      "with a parameter that is nowhere",
      { ...document, paths: { "/x": { get: { parameters: [{ name: "x", in: "air" }] } } } },
    ],
    ["with a reference that leads nowhere", { ...document, paths: { "/x": { get: { $ref: "#/nowhere" } } } }],
    ["of another version", { ...document, openapi: "2.0" }],
  ])("%s", async (_what, content) => {
    vi.spyOn(console, "error").mockImplementation(() => {}); // express-openapi-validator prints what it found
    await expect(requestValidation(express(), contractOf(content).all, false)).rejects.toThrow();
  });

  it("when it is no YAML", () => {
    expect(() => contractOf("openapi: [")).toThrow();
  });

  it("when it has no such path", () => {
    expect(() => loadContract().only("/v1/nothing")).toThrow("openapi.yaml has no path /v1/nothing");
  });
});

describe("the examples", () => {
  const { examples, parameters } = document.components;
  const example = <T>(name: string) => examples[name]?.value as T;
  const key = parseVerifier(String(examples["Checkpoint"]?.summary.split(" ").at(-1)));

  it("of records and receipts are true: they verify with the key that is named beside the checkpoint", () => {
    const { text, proof, leafHash: hash, record } = example<Readonly<Record<string, string>>>("RecordOfTheStart");
    expect(JSON.parse(String(text))).toEqual(record);
    expect(leafHash(String(text)).toString("hex")).toBe(hash);
    expect(Buffer.from(verifyProof(String(proof), { verifiers: [key] }).entry).toString()).toBe(text);

    const { id, receipt } = example<{ id: string; receipt: Readonly<Record<string, string>> }>("Applied");
    const { index, entry, root } = verifyProof(String(receipt["proof"]), { verifiers: [key] });
    expect([index, leafHash(entry).toString("hex")]).toEqual([receipt["index"], receipt["leafHash"]]);
    expect(JSON.parse(Buffer.from(entry).toString())).toMatchObject({ metadata: { correlation_uid: id } });
    const head = parseCheckpoint(openNote(example<string>("Checkpoint"), [key]).text);
    expect([head.size, head.root]).toEqual([5, root]);
  });

  it("of a page has as many as the contract says there are", () => {
    expect(parameters["Limit"]?.schema["default"]).toBe(PAGE_SIZE);
  });
});

describe("the contract of the hot path", () => {
  it("has that path and no other", () => {
    expect(Object.keys(loadContract().only("/v1/status-changes").paths ?? {})).toEqual(["/v1/status-changes"]);
  });
});

describe("the union of credential types, as the validator has it", () => {
  const ajv = new Ajv2020({ strict: false });
  ajv.addSchema({ $id: "ours", $defs: loadContract().all.components?.schemas });
  const text = JSON.stringify(ajv.getSchema("ours")?.schema).replaceAll('"#/components/schemas/', '"#/$defs/');
  const rewritten = new Ajv2020({ strict: false })
    .addSchema(JSON.parse(text))
    .compile({ $ref: "ours#/$defs/CredentialRef" });
  const published = strictAjv().compile({ $ref: "openapi#/$defs/CredentialRef" });

  /** Mostly what is right, so that a wrong part is often the only one. */
  const mostly = <T>(right: readonly T[], wrong: readonly unknown[]) =>
    fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...right) }, { weight: 1, arbitrary: fc.constantFrom(...wrong) });
  const u = (length: number) => "u".repeat(length);
  const values = fc.oneof(
    fc.record(
      {
        type: mostly(
          ["signing-certificate", "service-specific-credential", "access-key", "ssh-public-key"],
          ["password", "", 1, null],
        ),
        id: mostly([u(16), u(20), u(24), u(128)], [u(15), u(129), "a/b", 1, null]),
        userName: mostly(["Bob", u(64), u(65), u(128)], [u(129), "", "a:b", null]),
        account: mostly(["123456789012"], ["1", null]),
      },
      { requiredKeys: ["type", "id"] },
    ),
    fc.record({ type: fc.constant("access-key"), id: fc.constant(u(16)), more: fc.anything() }),
    fc.anything(),
  );

  it("takes what the published one takes, and nothing else", () => {
    let taken = 0;
    fc.assert(
      fc.property(values, (value) => {
        const expected = published(value);
        if (expected) taken += 1;
        return rewritten(value) === expected;
      }),
      { numRuns: 10_000 },
    );
    expect(taken).toBeGreaterThan(100);
  });
});
