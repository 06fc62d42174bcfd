import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { buildPolicies } from "../../scripts/build-policies.mjs";
import { readArchive } from "../../src/policy/archive.ts";
import { loadBundle, readBundle } from "../../src/policy/bundle.ts";

const packed = readFileSync(buildPolicies().bundle);
const folder = mkdtempSync(join(tmpdir(), "lockkeeper-bundle-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A tar archive with these files, as plain as OPA's own. */
function archive(files: Readonly<Record<string, string | Uint8Array>>, type = "0"): Buffer {
  const blocks = Object.entries(files).flatMap(([name, content]) => {
    const body = Buffer.from(content);
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(body.length.toString(8).padStart(11, "0"), 124);
    header.write(type, 156);
    return [header, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

const shipped = Object.fromEntries(readArchive(packed));
function withManifest(change: object): Buffer {
  const manifest = JSON.parse(Buffer.from(shipped[".manifest"] ?? []).toString());
  return archive({ ...shipped, ".manifest": JSON.stringify({ ...manifest, ...change }) });
}

const tooManyReasons = Object.fromEntries(
  Array.from({ length: 1001 }, (_, number) => [`code-${number}`, [{ rule: "r", file: "f", line: 1 }]]),
);

describe("a bundle", () => {
  it("holds the policies' revision, the digest of their WebAssembly, and the schema of the data that they expect", () => {
    const bundle = readBundle(packed);
    expect(bundle.revision).toBe(buildPolicies().revision);
    expect(bundle.roots).toEqual(["lockkeeper"]);
    expect(bundle.dataSchemas).toEqual({ site: JSON.parse(readFileSync("policies/schemas/site.json", "utf8")) });
  });

  it("says which rule gives which reason, and whether it tells what would be needed; other bundles may not", () => {
    const bundle = readBundle(packed);
    expect(bundle.tellsRemedies).toBe(true);
    expect(bundle.reasonRules?.get("not-permitted")).toEqual([
      { rule: "data.lockkeeper.decision", file: "lockkeeper/decision.rego", line: expect.any(Number) },
    ]);
    const wasm = [{ entrypoint: "lockkeeper/decision", module: "/policy.wasm" }];
    const plain = readBundle(withManifest({ metadata: {}, wasm }));
    expect(plain).toMatchObject({ tellsRemedies: false });
    expect(plain.reasonRules).toBeUndefined();
  });

  it("is read the same from any archive with the same files", () => {
    expect(readBundle(archive(shipped)).wasmDigest).toBe(readBundle(packed).wasmDigest);
  });

  it("that is not there is told by its path", () => {
    expect(() => loadBundle("build/none.tar.gz")).toThrow(
      expect.objectContaining({ code: "policy-unavailable", message: expect.stringContaining("build/none.tar.gz") }),
    );
  });

  it("that is no archive is told by its path", () => {
    const path = join(folder, "bundle.tar.gz");
    writeFileSync(path, "not gzip");
    expect(() => loadBundle(path)).toThrow(expect.objectContaining({ code: "policy-unavailable" }));
  });

  const refused: readonly [what: string, bytes: () => Uint8Array, message: RegExp][] = [
    ["no manifest", () => archive({ "policy.wasm": shipped["policy.wasm"] ?? "" }), /holds no \.manifest/],
    ["a manifest without a revision", () => withManifest({ revision: "" }), /manifest is malformed/],
    [
      "rules of reasons that are no places",
      () => withManifest({ metadata: { lockkeeper: { reasons: { a: [{ rule: "r", file: "f", line: 0 }] } } } }),
      /manifest is malformed/,
    ],
    [
      "more reasons than any policies give",
      () => withManifest({ metadata: { lockkeeper: { reasons: tooManyReasons } } }),
      /manifest is malformed/,
    ],
    ["a manifest whose root is everything", () => withManifest({ roots: [""] }), /manifest is malformed/],
    [
      "another entrypoint",
      () => withManifest({ wasm: [{ entrypoint: "a/b", module: "/policy.wasm" }] }),
      /no WebAssembly entry/,
    ],
    ["no WebAssembly", () => archive({ ...shipped, "policy.wasm": "", other: "" }), /WebAssembly/],
    ["data of its own", () => archive({ ...shipped, "data.json": '{"lockkeeper": {"x": 1}}' }), /carries data/],
  ];
  it.each(refused)("with %s is refused", (_, bytes, message) => {
    expect(() => readBundle(bytes())).toThrow(message);
  });
});

describe("an archive", () => {
  const tar = gunzipSync(packed);
  const refused: readonly [what: string, bytes: () => Uint8Array, message: RegExp][] = [
    ["that ends within a file", () => gzipSync(tar.subarray(0, 700)), /cut short/],
    ["that ends without an end", () => gzipSync(tar.subarray(0, 1024)), /cut short/],
    ["that holds a link", () => archive({ "policy.wasm": "" }, "2"), /no file: policy\.wasm/],
    ["whose size is no number", () => gzipSync(Buffer.from(tar).fill("9", 124, 135)), /malformed header/],
    ["that holds one name twice", () => archive({ "a.json": "1", "/a.json": "2" }), /holds a\.json twice/],
    ["that unpacks to more than 64 MiB", () => gzipSync(Buffer.alloc(65 * 1024 * 1024)), /more than 64 MiB/],
    ["that is none", () => Buffer.from("not gzip"), /no gzip archive/],
    ["that is a part of one", () => packed.subarray(0, 5_000), /no gzip archive, or a part of one/],
  ];
  it.each(refused)("%s is refused", (_, bytes, message) => {
    expect(() => readArchive(bytes())).toThrow(message);
  });

  it("may hold folders", () => {
    expect(readArchive(archive({ "lockkeeper/": "" }, "5")).size).toBe(0);
  });
});
