import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createEncryptionKey, encryptionKeys, readEncryptionKeys } from "../../src/authn/encryption-keys.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { allOf, refusal } from "../fixture/errors.ts";

const [one, two] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

describe("a sealed secret", () => {
  const keys = encryptionKeys(one, []);
  const sealed = keys.seal(secret, "what it belongs to");

  test("opens with its key and what it belongs to", () => {
    expect(keys.unseal(sealed, "what it belongs to")).toEqual({ secret });
    expect(sealed.sealedUnder).toBe(keys.id);
  });

  test("is another one each time, as long as nonce, secret and tag", () => {
    const all = Array.from({ length: 100 }, () => keys.seal(secret, "").sealedSecret);
    expect(new Set(all.map((text) => text.slice(0, 16))).size).toBe(100);
    expect(new Set(all.map((text) => Buffer.from(text, "base64").length))).toEqual(new Set([12 + 40 + 16]));
  });

  test("opens for nothing else that it might belong to", () => {
    for (const bound of ["what it belongs t0", "", "what it belongs to "]) {
      expect(keys.unseal(sealed, bound)).toEqual({ fault: expect.stringContaining("not as it was written") });
    }
  });

  test("does not open when any bit of it was changed, nor any part of it", () => {
    const bytes = Buffer.from(sealed.sealedSecret, "base64");
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const forged = Buffer.from(bytes);
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(keys.unseal({ ...sealed, sealedSecret: forged.toString("base64") }, "what it belongs to")).toEqual({
        fault: expect.any(String),
      });
    }
    for (let length = 0; length < bytes.length; length += 1) {
      const cut = bytes.subarray(0, length).toString("base64");
      expect(keys.unseal({ ...sealed, sealedSecret: cut }, "what it belongs to")).toEqual({
        fault: expect.any(String),
      });
    }
  });

  test("does not open under another key, also when it is said to be of that one", () => {
    const others = encryptionKeys(two, []);
    expect(others.unseal(sealed, "what it belongs to")).toEqual({ fault: expect.stringContaining("not configured") });
    expect(others.unseal({ ...sealed, sealedUnder: others.id }, "what it belongs to")).toEqual({
      fault: expect.stringContaining("not as it was written"),
    });
    expect(others.unseal({ ...sealed, sealedUnder: "__proto__" }, "")).toEqual({ fault: expect.any(String) });
  });

  test("still opens under a former key, while new ones are sealed under the first", () => {
    const rotated = encryptionKeys(two, [one]);
    expect(rotated.unseal(sealed, "what it belongs to")).toEqual({ secret });
    expect(rotated.seal(secret, "").sealedUnder).toBe(encryptionKeys(two, []).id);
    expect(rotated.id).not.toBe(keys.id);
  });

  test("says nothing of the keys, whoever prints them", () => {
    const shown = inspect(encryptionKeys(Buffer.from("0123456789abcdef0123456789abcdef"), []), {
      depth: 9,
      showHidden: true,
    });
    expect(shown).not.toContain("0123456789abcdef");
    expect(shown).not.toContain(Buffer.from("0123456789abcdef").toString("hex"));
  });
});

describe("the file of an encryption key", () => {
  let folder: ReturnType<typeof dataFolder>;
  let file: string;
  beforeEach(() => {
    folder = dataFolder();
    file = join(folder.path, "encryption-key");
  });
  afterEach(() => folder.remove());

  const read = (former: readonly string[] = []) =>
    readEncryptionKeys({ encryptionKeyFile: file, formerEncryptionKeyFiles: former });
  const put = (text: string, mode = 0o600) => {
    writeFileSync(file, text);
    chmodSync(file, mode);
  };

  test("is made for its owner only, of 256 bits, and never replaced", () => {
    const id = createEncryptionKey(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const text = readFileSync(file, "utf8");
    expect(Buffer.from(text, "base64")).toHaveLength(32);
    expect(read().id).toBe(id);
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(createEncryptionKey(file)).toBeUndefined();
    expect(readFileSync(file, "utf8")).toBe(text);
    expect(readdirSync(folder.path)).toEqual(["encryption-key"]);
  });

  test("beside those of former keys opens what was sealed under each", () => {
    createEncryptionKey(file);
    const sealed = read().seal(secret, "");
    const next = join(folder.path, "next");
    createEncryptionKey(next);
    const keys = readEncryptionKeys({ encryptionKeyFile: next, formerEncryptionKeyFiles: [file] });
    expect(keys.unseal(sealed, "")).toEqual({ secret });
  });

  test("that is not there is told with the command that makes one", async () => {
    const { message, code } = await refusal(() => read());
    expect(code).toBe("configuration");
    expect(message).toBe(`There is no encryption key at ${file}. Make one: lockkeeper keys encryption-key ${file}`);
  });

  test("that others can read is refused", async () => {
    createEncryptionKey(file);
    chmodSync(file, 0o640);
    expect((await refusal(() => read())).message).toContain("who could decrypt the secrets of key pairs with it");
  });

  test.each<[string, string]>([
    ["empty", ""],
    ["too short", Buffer.alloc(31, 7).toString("base64")],
    ["too long", Buffer.alloc(33, 7).toString("base64")],
    ["hex", Buffer.alloc(32, 7).toString("hex")],
    ["another alphabet", Buffer.alloc(32, 0xff).toString("base64url")],
    ["two lines", `${Buffer.alloc(32, 7).toString("base64")}\n\n`],
    ["a passphrase", "correct horse battery staple"],
  ])("with %s is refused, and not repeated", async (_what, text) => {
    put(text);
    const error = await refusal(() => read());
    expect(error.code).toBe("configuration");
    expect(error.message).toContain(`${file} holds no key`);
    if (text !== "") expect(allOf(error)).not.toContain(text.trim());
  });

  test("is looked at for each of the former ones too", async () => {
    createEncryptionKey(file);
    const missing = join(folder.path, "former");
    expect((await refusal(() => read([missing]))).message).toContain(`There is no encryption key at ${missing}`);
  });
});
