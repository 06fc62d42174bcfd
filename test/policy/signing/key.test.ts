import { writeFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { readSigningKey, readVerificationKey, type SignatureAlgorithm } from "../../../src/policy/signing/key.ts";
import { keyPair, testFolder, writeKeys } from "../signed-bundles.ts";

const folder = testFolder();
afterAll(() => folder.remove());
const ec = writeKeys(folder.path(), keyPair("ES256"));
const file = (text: string) => {
  writeFileSync(folder.path("other"), text);
  return folder.path("other");
};
const fault = (message: RegExp) =>
  expect.objectContaining({ code: "configuration", message: expect.stringMatching(message) });

describe("a key for bundles", () => {
  it("is read from PEM, and a secret as it is", () => {
    expect(readVerificationKey(ec.public, "ES256").type).toBe("public");
    expect(readSigningKey(ec.private, "ES256").type).toBe("private");
    const secret = readVerificationKey(file(`${"s".repeat(32)}\n`), "HS256");
    expect(secret.export().toString()).toBe("s".repeat(32));
  });

  const refused: readonly [what: string, key: () => string, algorithm: SignatureAlgorithm, message: RegExp][] = [
    ["a private key", () => ec.private, "ES256", /give the gateway the public one only/],
    ["a key on another curve", () => ec.public, "ES384", /no key on the curve secp384r1/],
    ["a key of another kind", () => ec.public, "RS256", /no RSA key/],
    ["a public key as a secret", () => ec.public, "HS256", /a key in PEM and no secret/],
    ["a short secret", () => file("hunter2"), "HS256", /at least 32 bytes/],
    ["a file that is not there", () => folder.path("none"), "ES256", /ENOENT/],
  ];
  it.each(refused)("is not %s", (_, key, algorithm, message) => {
    expect(() => readVerificationKey(key(), algorithm)).toThrow(fault(message));
  });

  it("to sign with is no public one", () => {
    expect(() => readSigningKey(ec.public, "ES256")).toThrow(fault(/no private key, which it takes to sign/));
  });

  it("that is no key at all is not repeated", () => {
    expect(() => readVerificationKey(file("hunter2"), "ES256")).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("hunter2") }),
    );
  });
});
