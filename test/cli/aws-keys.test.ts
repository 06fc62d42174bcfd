import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isAwsKey, type Journal } from "../../src/audit/journal.ts";
import { openSqliteStore } from "../../src/audit/sqlite/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { createAwsKeyRing } from "../../src/authn/aws-key-ring.ts";
import { encryptionKeys } from "../../src/authn/encryption-keys.ts";
import {
  type AwsKeyCommandOptions,
  createKeyPair,
  makeEncryptionKey,
  rotateEncryption,
} from "../../src/cli/aws-keys.ts";
import { type CreateKeyArguments, createKey, revokeKey } from "../../src/cli/keys.ts";
import { listKeys } from "../../src/cli/list-keys.ts";
import { TestClock } from "../fixture/clock.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { openToChange, openToRead } from "../fixture/database.ts";
import { allOf, refusal } from "../fixture/errors.ts";
import { testLogKeys } from "../fixture/log-keys.ts";

const DAY = 86_400_000;
const [one, two] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const [old, rotated, next] = [encryptionKeys(one, []), encryptionKeys(two, [one]), encryptionKeys(two, [])];
let folder: ReturnType<typeof dataFolder>;
let journal: Journal;
let clock: TestClock;
let printed: string[];
let noted: string[];

beforeEach(async () => {
  folder = dataFolder();
  mkdirSync(folder.path, { recursive: true });
  const store = await openSqliteStore(folder.database, { exclusive: false, owner: "sandbox", keys: testLogKeys });
  journal = openJournal(store, { deadlineMs: 20_000, maxQueue: 64 });
  clock = new TestClock();
  printed = [];
  noted = [];
});
afterEach(async () => {
  await journal.close();
  folder.remove();
});

const output = { print: (line: string) => printed.push(line), note: (line: string) => noted.push(line) };
const options = (encryption: AwsKeyCommandOptions["encryption"] = old) => ({ journal, clock, output, encryption });
const ci: CreateKeyArguments = { principal: "ci-rotator", kind: "service" };

/** Makes a pair and takes it from standard output, as a script would. */
async function create(changes: Partial<CreateKeyArguments> = {}) {
  printed.length = 0;
  await createKeyPair(options(), { ...ci, ...changes });
  const pair = /^AWS_ACCESS_KEY_ID=(\S+)\nAWS_SECRET_ACCESS_KEY=(\S+)$/.exec(printed.join("\n"));
  return { id: pair?.[1] ?? "", secret: pair?.[2] ?? "" };
}

/** What a gateway with these keys holds. */
async function ring(encryption = old) {
  const unusable: string[] = [];
  const pairs = createAwsKeyRing({
    read: () => journal.apiKeys(),
    clock,
    encryption,
    onUnusable: (id) => unusable.push(id),
  });
  await pairs.refresh();
  return { find: pairs.find, refresh: pairs.refresh, unusable };
}

/** The records about a key, as they stand in the log. */
function records(id: string) {
  const db = openToRead(folder.database);
  const rows = db.prepare("SELECT body FROM records WHERE correlation = ? ORDER BY idx").all(id);
  db.close();
  return rows.map(({ body }) => JSON.parse(String(body)));
}

describe("keys create --aws", () => {
  test("shows the pair once on standard output, and keeps it encrypted with a record of it", async () => {
    const { id, secret } = await create({ group: ["rotation"], userName: "ci", ttl: "30d" });
    expect(id).toMatch(/^LKEY[A-Z2-7]{16}$/);
    expect(secret).toMatch(/^[A-Za-z0-9+/]{40}$/);
    const [stored] = await journal.apiKeys();
    expect(stored).toMatchObject({ id, sealedUnder: old.id, expiresAt: clock.now() + 30 * DAY, revokedAt: null });
    expect(records(id)).toMatchObject([
      {
        metadata: { event_code: "lockkeeper.aws-key.created", correlation_uid: id },
        time: clock.now(),
        resources: [{ type: "aws-key", uid: id }],
        unmapped: { principal: { id: "ci-rotator", authn: "sigv4", userName: "ci" }, encryption_key: old.id },
      },
    ]);
    const files = [readFileSync(folder.database), readFileSync(`${folder.database}-wal`)];
    for (const place of [
      JSON.stringify([stored, records(id)]),
      noted.join("\n"),
      ...files.map((file) => file.toString("latin1")),
    ]) {
      expect(place).not.toContain(secret);
    }
    expect(noted.join("\n")).toContain('"lockkeeper#rotation"');
  });

  test("makes a pair that a running service accepts after its next look", async () => {
    const keys = await ring();
    const { id, secret } = await create();
    expect(keys.find(id)).toBeUndefined();
    await keys.refresh();
    expect(keys.find(id)).toMatchObject({ secretAccessKey: secret, principal: { id: "ci-rotator", kind: "service" } });
  });

  test("gives a principal two live pairs beside its API keys, and not a third", async () => {
    const first = await create();
    await create();
    const error = await refusal(createKeyPair(options(), ci));
    expect(error.message).toContain("ci-rotator has two live key pairs already");
    await createKey(options(), ci);
    await createKey(options(), ci);
    await refusal(createKeyPair(options(), ci));
    await revokeKey(options(), first.id);
    await create();
  });

  test("needs a key to encrypt with, and says how to have one", async () => {
    const error = await refusal(createKeyPair({ journal, clock, output }, ci));
    expect(error.code).toBe("configuration");
    expect(error.message).toContain("lockkeeper keys encryption-key FILE");
    expect(await journal.apiKeys()).toEqual([]);
  });

  test.each<[string, Partial<CreateKeyArguments>, RegExp]>([
    ["kind", { kind: "robot" }, /--kind: Choose one of: human, service, bot\./],
    ["principal", { principal: "two words" }, /\bid: Use 1 to 128/],
    ["time", { ttl: "366d" }, /ttl: Give it between 1h and 365d/],
  ])("refuses a bad %s with a sentence, and makes nothing", async (_what, changes, sentence) => {
    const error = await refusal(createKeyPair(options(), { ...ci, ...changes }));
    expect(error.message).toMatch(sentence);
    expect(await journal.apiKeys()).toEqual([]);
    expect(printed).toEqual([]);
  });
});

describe("keys list", () => {
  const states = async (encryption?: typeof old) => {
    printed.length = 0;
    await listKeys({ journal, clock, output, encryption }, { json: true });
    return Object.fromEntries(
      JSON.parse(printed.join("")).map((key: Record<string, unknown>) => [key["id"], [key["form"], key["state"]]]),
    );
  };

  test("shows pairs beside API keys, and never a secret", async () => {
    const expired = await create({ ttl: "1h" });
    clock.advance(3_600_000);
    const revoked = await create();
    await revokeKey(options(), revoked.id);
    const live = await create({ group: ["a"] });
    await createKey(options(), ci);
    const apiKey = (await journal.apiKeys()).find((key) => !isAwsKey(key))?.id ?? "";
    expect(await states(old)).toMatchObject({
      [expired.id]: ["aws-key", "expired"],
      [revoked.id]: ["aws-key", "revoked"],
      [live.id]: ["aws-key", "live"],
      [apiKey]: ["api-key", "live"],
    });
    printed.push(...noted);
    await listKeys(options(), { json: false });
    for (const { secret } of [expired, revoked, live]) expect(printed.join("\n")).not.toContain(secret);
    expect(printed.join("\n")).toContain("lockkeeper#a");
  });

  test("calls a pair unreadable that the configured keys do not open", async () => {
    const { id } = await create();
    expect(await states(next)).toEqual({ [id]: ["aws-key", "unreadable"] });
    expect(await states()).toEqual({ [id]: ["aws-key", "unreadable"] });
    expect(await states(rotated)).toEqual({ [id]: ["aws-key", "live"] });
  });
});

describe("keys revoke", () => {
  test("has the running service refuse a pair after its next look, and leaves a record", async () => {
    const { id } = await create();
    const keys = await ring();
    expect(keys.find(id)).toBeDefined();
    await revokeKey(options(), id);
    await keys.refresh();
    expect(keys.find(id)).toBeUndefined();
    expect(keys.unusable).toEqual([]);
    expect(records(id).map(({ metadata }) => metadata.event_code)).toEqual([
      "lockkeeper.aws-key.created",
      "lockkeeper.aws-key.revoked",
    ]);
  });

  test("takes the secret out of the store, so that the row cannot be made live again", async () => {
    const { id } = await create();
    await revokeKey(options(), id);
    const db = openToChange(folder.database);
    db.exec("UPDATE api_keys SET revoked_at = NULL");
    db.close();
    const keys = await ring();
    expect(keys.find(id)).toBeUndefined();
    expect(keys.unusable).toEqual([id]);
  });
});

describe("keys rotate-encryption", () => {
  test("encrypts every live pair under the new key, with a record each, so that the old one can go", async () => {
    const [first, second] = [await create(), await create({ principal: "other" })];
    const revoked = await create({ principal: "third" });
    await revokeKey(options(), revoked.id);
    expect((await ring(next)).unusable).toHaveLength(2);
    await rotateEncryption(options(rotated));
    const keys = await ring(next);
    for (const { id, secret } of [first, second]) expect(keys.find(id)?.secretAccessKey).toBe(secret);
    expect(keys.unusable).toEqual([]);
    expect(records(first.id).at(-1)).toMatchObject({
      metadata: { event_code: "lockkeeper.aws-key.resealed" },
      unmapped: { principal: { id: "ci-rotator" }, encryption_key: next.id },
    });
    expect(records(revoked.id)).toHaveLength(2);
    expect(noted.join("\n")).toContain(`Encrypted anew under ${next.id}: 2 key pairs.`);
  });

  test("leaves the secrets as they are, and says what to do when a key has leaked", async () => {
    await create();
    noted.length = 0;
    await rotateEncryption(options(rotated));
    const said = noted.join(" ");
    expect(said).toContain("The secrets are the same as before. If a former key has leaked, this does not help");
    expect(said).toContain("Revoke its key pairs (lockkeeper keys revoke ID), and make new ones");
  });

  test("can be run again, and does nothing then", async () => {
    const { id } = await create();
    await rotateEncryption(options(rotated));
    const stored = await journal.apiKeys();
    await rotateEncryption(options(rotated));
    expect(await journal.apiKeys()).toEqual(stored);
    expect(records(id)).toHaveLength(2);
    expect(noted.join("\n")).toContain("0 key pairs.");
  });

  test("tells which pairs it could not decrypt, and does the others", async () => {
    const [good, bad] = [await create(), await create()];
    const db = openToChange(folder.database);
    db.prepare("UPDATE api_keys SET expires_at = expires_at + 1 WHERE id = ?").run(bad.id);
    db.close();
    const error = await refusal(rotateEncryption(options(rotated)));
    expect(error.code).toBe("configuration");
    expect(error.message).toContain(`${bad.id}: its row is not as it was written`);
    expect(error.message).not.toContain(good.id);
    for (const { secret } of [good, bad]) expect(allOf(error)).not.toContain(secret);
    expect((await ring(next)).find(good.id)?.secretAccessKey).toBe(good.secret);
    expect(noted.join("\n")).not.toContain("None is encrypted");
  });
});

describe("keys encryption-key", () => {
  test("makes a key once, says where it goes, and never shows it", async () => {
    const file = join(folder.path, "encryption-key");
    makeEncryptionKey(output, file);
    const key = readFileSync(file, "utf8").trim();
    expect(printed).toEqual([expect.stringMatching(/^[0-9a-f]{16}$/)]);
    expect([...printed, ...noted].join("\n")).not.toContain(key);
    expect(noted.join("\n")).toContain(`encryptionKeyFile: ${file}`);
    expect(noted.join(" ")).toContain("If that one has leaked, this is not enough");
    const error = await refusal(() => makeEncryptionKey(output, file));
    expect(error.message).toContain("is there already, and is not replaced");
    expect(readFileSync(file, "utf8").trim()).toBe(key);
  });
});
