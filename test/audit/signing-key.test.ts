import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSigningKey, keepOwnSigningKey, logKeys, readSigningKey } from "../../src/audit/signing-key.ts";
import { generateKey, parseSigner } from "../../src/tlog/note.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { allOf, refusal } from "../fixture/errors.ts";

const origin = "example.com/log";
let folder: ReturnType<typeof dataFolder>;
let file: string;

beforeEach(() => {
  folder = dataFolder();
  file = join(folder.path, "key");
});
afterEach(() => folder.remove());

/** Puts a text there as its owner's own. */
const put = (text: string, mode = 0o600) => {
  writeFileSync(file, text);
  chmodSync(file, mode);
};
const fault = async (act: () => unknown) => {
  const error = await refusal(act);
  expect(error.code).toBe("configuration");
  return error.message;
};

describe("the file of a signing key", () => {
  it("is made whole, for its owner only, and never replaced", () => {
    const verifier = createSigningKey(file, origin);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const key = readSigningKey(file);
    expect(parseSigner(key)).toMatchObject({ name: origin, verifier });
    expect(createSigningKey(file, origin)).toBeUndefined();
    expect(readSigningKey(file)).toBe(key);
    // Nothing of the attempts is left behind.
    expect(readdirSync(folder.path)).toEqual(["key"]);
  });

  it("is made for its owner only, whatever the umask", () => {
    const umask = process.umask(0);
    try {
      createSigningKey(file, origin);
    } finally {
      process.umask(umask);
    }
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it("is refused where it cannot be made, with a reason", async () => {
    const nowhere = join(folder.path, "missing", "key");
    expect(await fault(() => createSigningKey(nowhere, origin))).toMatch(/cannot be written to .*missing\/key: ENOENT/);
    expect(await fault(() => createSigningKey(file, "two words"))).toMatch(/A log's origin is a name like/);
    expect(existsSync(file)).toBe(false);
  });

  it.each([0o640, 0o604, 0o660, 0o666, 0o644])("is refused when others may read it: mode %o", async (mode) => {
    createSigningKey(file, origin);
    chmodSync(file, mode);
    expect(await fault(() => readSigningKey(file))).toContain(`Run: chmod 600 ${file}`);
    chmodSync(file, 0o400);
    expect(readSigningKey(file)).toMatch(/^PRIVATE/);
  });

  it("may be readable by the group when somebody else, as Kubernetes, has put it there", async (context) => {
    if (process.getuid?.() !== 0) return context.skip();
    createSigningKey(file, origin);
    execFileSync("chown", ["12345", file]);
    for (const mode of [0o440, 0o640]) {
      chmodSync(file, mode);
      expect(readSigningKey(file)).toMatch(/^PRIVATE/);
    }
    for (const mode of [0o444, 0o660, 0o644]) {
      chmodSync(file, mode);
      expect(await fault(() => readSigningKey(file))).toContain("chmod 600");
    }
  });

  it("may be a link, as mounted secrets are, and end in a newline or none", () => {
    const { signer } = generateKey(origin);
    for (const text of [signer, `${signer}\n`, `${signer}\r\n`]) {
      put(text);
      expect(readSigningKey(file)).toBe(signer);
    }
    const link = join(folder.path, "link");
    symlinkSync(file, link);
    expect(readSigningKey(link)).toBe(signer);
  });

  it("says what it is when it is no key", async () => {
    const { signer, verifier } = generateKey(origin);
    for (const [text, message] of [
      ["", /It is empty/],
      [verifier, /It is a public key/],
      ["-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n", /It is PEM/],
      ["correct horse battery staple", /not a secret note key/],
      [signer.replace(origin, "example.com/other"), /id does not belong/],
      [`${signer}\n${signer}\n`, /not a secret note key/],
      ["x".repeat(100_000), /not a secret note key/],
    ] as const) {
      put(text);
      expect(await fault(() => readSigningKey(file))).toMatch(message);
    }
    mkdirSync(join(folder.path, "folder"), { mode: 0o700 });
    expect(await fault(() => readSigningKey(join(folder.path, "folder")))).toMatch(/is not a file/);
    const pipe = join(folder.path, "pipe");
    execFileSync("mkfifo", ["-m", "600", pipe]);
    expect(await fault(() => readSigningKey(pipe))).toMatch(/is not a file/);
    expect(await fault(() => readSigningKey(join(folder.path, "gone")))).toMatch(
      /There is no signing key at .*keygen --origin/,
    );
  });

  it("is never told in an error", async () => {
    const { signer } = generateKey(origin);
    const secret = signer.slice(-40);
    const errors = [];
    for (const text of [
      `${signer}${secret}`,
      signer.replace("+KEY+", "+KEY"),
      `password: ${secret}`,
      signer.replace(/\+[0-9a-f]{8}\+/, "+00000000+"),
    ]) {
      put(text);
      errors.push(await refusal(() => readSigningKey(file)));
    }
    put(signer, 0o644);
    errors.push(await refusal(() => readSigningKey(file)));
    errors.push(await refusal(() => logKeys({ origin: "example.com/other", signingKey: signer, formerKeys: [] })));
    errors.push(await refusal(() => logKeys({ origin, signingKey: signer, formerKeys: [signer] })));
    for (const error of errors) expect(allOf(error)).not.toContain(secret);
  });
});

describe("a log's own key", () => {
  it("is made once and kept", () => {
    const inside = join(folder.path, "data", "signing-key");
    const key = keepOwnSigningKey(inside, origin);
    expect(parseSigner(key).name).toBe(origin);
    expect(statSync(inside).mode & 0o777).toBe(0o600);
    expect(keepOwnSigningKey(inside, origin)).toBe(key);
    expect(readFileSync(inside, "utf8")).toBe(`${key}\n`);
  });

  it("is never taken for the key of another log", async () => {
    keepOwnSigningKey(file, origin);
    expect(await fault(() => keepOwnSigningKey(file, "example.com/other"))).toMatch(
      /key of another log: it was made for example.com\/log, and the log's origin \(audit.origin\) is example.com\/other/,
    );
  });

  it("is said to be impossible where nothing can be written", async () => {
    writeFileSync(file, "");
    expect(await fault(() => keepOwnSigningKey(join(file, "key"), origin))).toMatch(/cannot be written/);
  });
});

describe("the keys of a log", () => {
  const own = generateKey(origin);
  const former = generateKey(origin);

  it("are its own and the former ones", () => {
    const { signer: signingKey, verifier } = own;
    expect(logKeys({ origin, signingKey, formerKeys: [former.verifier, verifier, former.verifier] })).toEqual({
      origin,
      signingKey,
      trustedKeys: [verifier, former.verifier],
    });
  });

  it("are refused when one of them is another log's, or none", async () => {
    const other = generateKey("example.com/other");
    const { signer: signingKey } = own;
    expect(await fault(() => logKeys({ origin, signingKey: other.signer, formerKeys: [] }))).toMatch(
      /audit.signingKeyFile is the key of another log/,
    );
    expect(await fault(() => logKeys({ origin, signingKey, formerKeys: [former.verifier, other.verifier] }))).toMatch(
      /audit.formerKeys\[1\] is the key of another log/,
    );
    expect(await fault(() => logKeys({ origin, signingKey, formerKeys: ["nonsense"] }))).toMatch(
      /audit.formerKeys\[0\] is no public key/,
    );
  });
});
