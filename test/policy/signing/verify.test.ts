import { constants, createSecretKey, randomBytes, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { CompactSign, UnsecuredJWT } from "jose";
import { afterAll, describe, expect, it } from "vitest";
import { buildPolicies } from "../../../scripts/build-policies.mjs";
import { readArchive, writeArchive } from "../../../src/policy/archive.ts";
import type { BundleFiles } from "../../../src/policy/bundle-files.ts";
import { signatureAlgorithms } from "../../../src/policy/signing/key.ts";
import { signBundle } from "../../../src/policy/signing/sign.ts";
import { signedFiles } from "../../../src/policy/signing/signed-files.ts";
import { type Verification, verifyBundle } from "../../../src/policy/signing/verify.ts";
import {
  keyPair,
  opaSigned,
  opaVerifies,
  testFolder,
  textFile,
  withFiles,
  withManifest,
  writeKeys,
} from "../signed-bundles.ts";

const folder = testFolder();
afterAll(() => folder.remove());
const plain: BundleFiles = withFiles(readArchive(readFileSync(buildPolicies().bundle)), {
  "notes/readme.txt": "hello",
});
const keys = keyPair("ES256");
const keyFiles = writeKeys(folder.path(), keys);
const verification: Verification = { key: keys.publicKey, algorithm: "ES256" };
const signing = { key: keys.privateKey, algorithm: "ES256" } as const;
const signed = await signBundle(plain, signing);
const refusal = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

/** A bundle with a signature over any payload at all. */
async function withPayload(
  files: BundleFiles,
  payload: unknown,
  header: { alg: string; kid?: string } = { alg: "ES256" },
) {
  const text = new TextEncoder().encode(JSON.stringify(payload));
  const token = await new CompactSign(text).setProtectedHeader(header).sign(keys.privateKey);
  return withFiles(files, { ".signatures.json": JSON.stringify({ signatures: [token] }) });
}

describe("a bundle that the real opa has signed", () => {
  it.each(["ES256", "ES384", "ES512", "RS256", "RS512", "PS256", "PS384"] as const)(
    "is believed with %s",
    async (algorithm) => {
      const own = keyPair(algorithm);
      const files = opaSigned(plain, algorithm, writeKeys(folder.path(algorithm), own).private);
      await expect(verifyBundle(files, { key: own.publicKey, algorithm })).resolves.toBeUndefined();
    },
  );

  it("is believed with HS256 and a secret", async () => {
    const secret = randomBytes(32).toString("hex");
    const files = opaSigned(plain, "HS256", secret);
    const key = createSecretKey(Buffer.from(secret));
    await expect(verifyBundle(files, { key, algorithm: "HS256" })).resolves.toBeUndefined();
  });

  it("is believed whatever its JSON looks like: blanks, order, numbers and characters", async () => {
    const manifest = JSON.parse(Buffer.from(plain.get(".manifest") ?? []).toString());
    const odd = `{"z":-0,"n":1.50,"e":1E5,"big":123456789012345678901234567890,"html":"<&>","\\ue000":1,"😀":2,"control":"\\b\\f\\u0001\\u007f\\u2028\\/","deep":[[],{},null,true]}`;
    const text = ` ${JSON.stringify({ ...manifest, metadata: 0 }).replace('"metadata":0', `"metadata" : ${odd}`)}\n`;
    const files = opaSigned(withFiles(plain, { ".manifest": text }), "ES256", keyFiles.private);
    await expect(verifyBundle(files, verification)).resolves.toBeUndefined();
  });
});

describe("a bundle that we have signed", () => {
  it.each(signatureAlgorithms.filter((name) => !name.startsWith("HS")))(
    "is verified by the real opa with %s, and by us",
    async (algorithm) => {
      const own = keyPair(algorithm);
      const path = writeKeys(folder.path(algorithm), own).public;
      const files = await signBundle(plain, { key: own.privateKey, algorithm, keyId: "2026" });
      expect(opaVerifies(files, algorithm, path, "2026")).toMatchObject({ ok: true });
      await expect(verifyBundle(files, { key: own.publicKey, algorithm })).resolves.toBeUndefined();
      const changed = withFiles(files, { "notes/readme.txt": "changed" });
      expect(opaVerifies(changed, algorithm, path, "2026")).toMatchObject({ ok: false });
    },
  );

  it("is signed anew, not twice", async () => {
    const again = await signBundle(signed, signing);
    expect([...again.keys()].sort()).toEqual([...signed.keys()].sort());
    await expect(verifyBundle(again, verification)).resolves.toBeUndefined();
  });
});

describe("a bundle is refused when", () => {
  it.each([...plain.keys()])("%s was changed", async (name) => {
    const text = Buffer.from(plain.get(name) ?? []).toString("latin1");
    const changed = name.endsWith("data.json")
      ? '{"x": 1}'
      : name === ".manifest"
        ? text.replace('"revision":"', '"revision":"0')
        : `${text} `;
    await expect(verifyBundle(withFiles(signed, { [name]: changed }), verification)).rejects.toEqual(
      refusal("bundle-signature", /is not as it was signed/),
    );
  });

  it.each([...plain.keys()])("%s was removed", async (name) => {
    await expect(verifyBundle(withFiles(signed, { [name]: null }), verification)).rejects.toEqual(
      refusal("bundle-signature", /is missing/),
    );
  });

  it.each(["other.rego", "lockkeeper/data.json", "a/.manifest", "notes/", "policy.wasm/x"])(
    "%s was added",
    async (name) => {
      await expect(verifyBundle(withFiles(signed, { [name]: "{}" }), verification)).rejects.toEqual(
        refusal("bundle-signature", /a file that its signature does not list/),
      );
    },
  );

  it("it is not signed", async () => {
    await expect(verifyBundle(plain, verification)).rejects.toEqual(refusal("bundle-unsigned", /not signed/));
  });

  it("its signature lies in a folder, whether there is one at the top too or not", async () => {
    const text = Buffer.from(signed.get(".signatures.json") ?? []).toString();
    for (const files of [plain, signed]) {
      await expect(verifyBundle(withFiles(files, { "sub/.signatures.json": text }), verification)).rejects.toEqual(
        refusal("bundle-signature", /in a folder of its own/),
      );
    }
  });

  it("its signature is another bundle's", async () => {
    const other = await signBundle(withManifest(plain, { revision: "other" }), signing);
    const text = Buffer.from(other.get(".signatures.json") ?? []).toString();
    await expect(verifyBundle(withFiles(signed, { ".signatures.json": text }), verification)).rejects.toEqual(
      refusal("bundle-signature", /\.manifest is not as it was signed/),
    );
  });

  it("another key has signed it", async () => {
    const files = await signBundle(plain, { ...signing, key: keyPair("ES256").privateKey });
    await expect(verifyBundle(files, verification)).rejects.toEqual(refusal("bundle-signature", /configured key/));
  });

  it("it is signed with another algorithm than the configured one, be the key the same", async () => {
    const rsa = keyPair("RS256");
    for (const [by, algorithm] of [
      ["RS256", "PS256"],
      ["PS256", "RS256"],
      ["PS384", "PS256"],
    ] as const) {
      const files = await signBundle(plain, { key: rsa.privateKey, algorithm: by });
      await expect(verifyBundle(files, { key: rsa.publicKey, algorithm })).rejects.toEqual(
        refusal("bundle-signature", new RegExp(`configured key with ${algorithm}`)),
      );
    }
  });

  it("it was changed behind a signature with PS256", async () => {
    const rsa = keyPair("PS256");
    const files = await signBundle(plain, { key: rsa.privateKey, algorithm: "PS256" });
    const { signatures } = JSON.parse(Buffer.from(files.get(".signatures.json") ?? []).toString());
    const [header, , signature] = String(signatures[0]).split(".");
    const payload = Buffer.from(JSON.stringify({ files: [] })).toString("base64url");
    for (const token of [`${header}.${payload}.${signature}`, `${signatures[0]}.x`, `${header}.${payload}.`]) {
      const forged = withFiles(files, { ".signatures.json": JSON.stringify({ signatures: [token] }) });
      await expect(verifyBundle(forged, { key: rsa.publicKey, algorithm: "PS256" })).rejects.toEqual(
        refusal("bundle-signature", /configured key/),
      );
    }
  });

  it.each([
    { crit: ["exp"], exp: 0 },
    { crit: ["b64"], b64: false },
    { b64: true },
    { alg: "PS512" },
    { alg: undefined },
  ])("its signature with PS256 has a header that asks for more or other than that: %j", async (more) => {
    const rsa = keyPair("PS256");
    const parts = [{ alg: "PS256", ...more }, { files: signedFiles(plain) }];
    const signedText = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
    const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    const signature = sign("sha256", Buffer.from(signedText), { key: rsa.privateKey, ...padding });
    const token = `${signedText}.${signature.toString("base64url")}`;
    const files = withFiles(plain, { ".signatures.json": JSON.stringify({ signatures: [token] }) });
    await expect(verifyBundle(files, { key: rsa.publicKey, algorithm: "PS256" })).rejects.toEqual(
      refusal("bundle-signature", /configured key/),
    );
  });

  it("it is signed with HS256 and the public key as the secret", async () => {
    const pem = keys.publicKey.export({ type: "spki", format: "pem" });
    const files = await signBundle(plain, { key: createSecretKey(Buffer.from(pem)), algorithm: "HS256" });
    await expect(verifyBundle(files, verification)).rejects.toEqual(refusal("bundle-signature", /configured key/));
  });

  it("its algorithm is none", async () => {
    const token = new UnsecuredJWT({ files: signedFiles(plain) }).encode();
    const files = withFiles(plain, { ".signatures.json": JSON.stringify({ signatures: [token] }) });
    await expect(verifyBundle(files, verification)).rejects.toEqual(refusal("bundle-signature", /configured key/));
  });

  it.each([
    ["two signatures", (token: string) => ({ signatures: [token, token] })],
    ["no signature", () => ({ signatures: [] })],
    ["a plugin", (token: string) => ({ signatures: [token], plugin: "custom" })],
    ["other fields", (token: string) => ({ signatures: [token], files: [] })],
    ["no object", (token: string) => [token]],
  ])("its .signatures.json holds %s", async (_, make) => {
    const { signatures } = JSON.parse(Buffer.from(signed.get(".signatures.json") ?? []).toString());
    const files = withFiles(signed, { ".signatures.json": JSON.stringify(make(signatures[0])) });
    await expect(verifyBundle(files, verification)).rejects.toEqual(refusal("bundle-signature", /exactly one/));
  });

  it("its .signatures.json is no JSON, or its payload none that OPA writes", async () => {
    await expect(verifyBundle(withFiles(signed, { ".signatures.json": "{" }), verification)).rejects.toEqual(
      refusal("bundle-signature", /no JSON/),
    );
    await expect(verifyBundle(await withPayload(plain, { files: "all" }), verification)).rejects.toEqual(
      refusal("bundle-signature", /malformed/),
    );
  });

  it("its signature lists a file twice, or with a hash that says nothing", async () => {
    const files = signedFiles(plain);
    const [first] = files;
    const twice = [...files, { ...first, name: `/${first?.name}` }];
    await expect(verifyBundle(await withPayload(plain, { files: twice }), verification)).rejects.toEqual(
      refusal("bundle-signature", /lists a file twice/),
    );
    const weak = files.map((file) => ({ ...file, algorithm: "MD5" }));
    await expect(verifyBundle(await withPayload(plain, { files: weak }), verification)).rejects.toEqual(
      refusal("bundle-signature", /none of SHA-256/),
    );
  });

  it("it is for another scope, or for one where none is configured", async () => {
    const scoped = await signBundle(plain, { ...signing, scope: "write" });
    await expect(verifyBundle(scoped, { ...verification, scope: "write" })).resolves.toBeUndefined();
    for (const [files, scope] of [
      [scoped, "read"],
      [scoped, undefined],
      [signed, "write"],
    ] as const) {
      await expect(verifyBundle(files, { ...verification, scope })).rejects.toEqual(
        refusal("bundle-signature", /another scope/),
      );
    }
  });

  it("it names another key than the configured one, in its header or where older signers say it", async () => {
    const named = await signBundle(plain, { ...signing, keyId: "one" });
    await expect(verifyBundle(named, { ...verification, keyId: "one" })).resolves.toBeUndefined();
    const older = await withPayload(plain, { files: signedFiles(plain), keyid: "one" });
    for (const files of [named, older]) {
      await expect(verifyBundle(files, { ...verification, keyId: "two" })).rejects.toEqual(
        refusal("bundle-signature", /names another key/),
      );
    }
  });

  it("its data is no JSON that can be hashed", async () => {
    const files = await withPayload(withFiles(plain, { "data.json": '{"a": "\\ud800"}' }), {
      files: signedFiles(plain),
    });
    await expect(verifyBundle(files, verification)).rejects.toEqual(refusal("bundle-signature", /can be hashed/));
  });

  it("it was packed so that two files could have one name", async () => {
    const bytes = writeArchive(new Map([...signed, ["./policy.wasm", textFile("other")]]));
    expect(() => readArchive(bytes)).toThrow(/names a file oddly/);
  });
});
