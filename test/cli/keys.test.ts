import { mkdirSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isAwsKey, type Journal } from "../../src/audit/journal.ts";
import { openSqliteStore } from "../../src/audit/sqlite/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { createApiKeyProof } from "../../src/authn/api-key-proof.ts";
import { createKeyRing } from "../../src/authn/key-ring.ts";
import { type CreateKeyArguments, createKey, revokeKey } from "../../src/cli/keys.ts";
import { listKeys } from "../../src/cli/list-keys.ts";
import { TestClock } from "../fixture/clock.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { openToRead } from "../fixture/database.ts";
import { allOf, refusal } from "../fixture/errors.ts";
import { testLogKeys } from "../fixture/log-keys.ts";

const DAY = 86_400_000;
let folder: ReturnType<typeof dataFolder>;
let journal: Journal;
let clock: TestClock;
let printed: string[];
let noted: string[];

beforeEach(async () => {
  folder = dataFolder();
  mkdirSync(folder.path, { recursive: true });
  journal = openJournal(
    await openSqliteStore(folder.database, { exclusive: false, owner: "sandbox", keys: testLogKeys }),
    {
      deadlineMs: 20_000,
      maxQueue: 64,
    },
  );
  clock = new TestClock();
  printed = [];
  noted = [];
});
afterEach(async () => {
  await journal.close();
  folder.remove();
});

const output = { print: (line: string) => printed.push(line), note: (line: string) => noted.push(line) };
const options = () => ({ journal, clock, output });

const ci: CreateKeyArguments = { principal: "ci-rotator", kind: "service" };

/** Creates a key and takes it from standard output, as a script would. */
async function create(changes: Partial<CreateKeyArguments> = {}): Promise<{ key: string; id: string }> {
  printed.length = 0;
  await createKey(options(), { ...ci, ...changes });
  expect(printed).toHaveLength(1);
  const key = printed[0] ?? "";
  return { key, id: key.slice(3, 19) };
}

/** The records about a key, as they stand in the log. */
function records(id: string) {
  const db = openToRead(folder.database);
  const rows = db.prepare("SELECT body FROM records WHERE correlation = ? ORDER BY idx").all(id);
  db.close();
  return rows.map(({ body }) => JSON.parse(String(body)));
}

describe("keys create", () => {
  test("shows the key once on standard output, what to know about it beside, and stores its hash only", async () => {
    const { key, id } = await create({ group: ["rotation"], userName: "ci", ttl: "30d" });
    expect(key).toMatch(/^lk_[a-z2-7]{16}_[A-Za-z0-9_-]{43}$/);
    const [stored] = await journal.apiKeys();
    expect(stored).toMatchObject({ id, expiresAt: clock.now() + 30 * DAY, revokedAt: null });
    expect(JSON.parse(stored?.principalJson ?? "")).toEqual({
      id: "ci-rotator",
      issuer: "lockkeeper",
      kind: "service",
      userName: "ci",
      groups: ["lockkeeper#rotation"],
      authn: "api-key",
    });
    const everything = JSON.stringify([stored, records(id), noted]);
    expect(everything).not.toContain(key.slice(-43));
    expect(noted.join("\n")).toContain("shown this once");
    expect(noted.join("\n")).toContain('"lockkeeper ci-rotator"');
    expect(noted.join("\n")).toContain('"lockkeeper#rotation"');
  });

  test("makes a key that a running service accepts after its next look", async () => {
    const ring = createKeyRing({ read: () => journal.apiKeys(), clock });
    await ring.refresh();
    const { key } = await create();
    const authenticate = createApiKeyProof(ring, clock);
    expect((await refusal(() => authenticate(key))).code).toBe("unauthenticated");
    await ring.refresh();
    expect(authenticate(key)).toMatchObject({ id: "ci-rotator", kind: "service" });
  });

  test("leaves its record in the same log", async () => {
    const { id } = await create();
    expect(records(id)).toMatchObject([
      {
        metadata: { event_code: "lockkeeper.api-key.created", correlation_uid: id },
        time: clock.now(),
        unmapped: { principal: { id: "ci-rotator", kind: "service" } },
      },
    ]);
  });

  test("gives a principal two live keys, and not a third before one is revoked or has expired", async () => {
    const first = await create();
    await create({ ttl: "1h" });
    const error = await refusal(createKey(options(), ci));
    expect(error.message).toContain("two live keys");
    await create({ principal: "another" });
    await revokeKey(options(), first.id);
    await create();
    await refusal(createKey(options(), ci));
    clock.advance(3_600_000);
    await create();
    expect((await journal.apiKeys()).length).toBe(5);
  });

  test.each<[string, Partial<CreateKeyArguments>, RegExp]>([
    ["kind", { kind: "robot" }, /--kind: Choose one of: human, service, bot\./],
    ["principal", { principal: "two words" }, /\bid: Use 1 to 128/],
    ["user name", { userName: "a/b" }, /userName: Give an IAM user name/],
    ["group", { group: ["ok", "not ok"] }, /groups\.1: /],
    ["time's form", { ttl: "90" }, /--ttl: Write it in days or hours/],
    ["time", { ttl: "366d" }, /ttl: Give it between 1h and 365d/],
  ])("refuses a bad %s with a sentence, and makes nothing", async (_what, changes, sentence) => {
    const error = await refusal(createKey(options(), { ...ci, ...changes }));
    expect(error.code).toBe("malformed-request");
    expect(error.message).toMatch(sentence);
    expect(await journal.apiKeys()).toEqual([]);
    expect(printed).toEqual([]);
  });
});

describe("keys list", () => {
  test("shows every key with its state, and never a secret or its hash", async () => {
    const expired = await create({ ttl: "1h" });
    clock.advance(3_600_000);
    const revoked = await create({ userName: "ci", group: ["a", "b"] });
    await revokeKey(options(), revoked.id);
    const live = await create();
    printed.length = 0;
    await listKeys(options(), { json: false });
    const [head, ...rows] = printed;
    expect(head).toMatch(/^ID +STATE +EXPIRES +FORM +KIND +PRINCIPAL +IAM USER +GROUPS$/);
    expect(Object.fromEntries(rows.map((row) => row.split(/ {2,}/).slice(0, 2)))).toEqual({
      [expired.id]: "expired",
      [revoked.id]: "revoked",
      [live.id]: "live",
    });
    expect(printed.join("\n")).toContain("lockkeeper#a lockkeeper#b");
    await listKeys(options(), { json: true });
    const hashes = (await journal.apiKeys()).map((key) => (isAwsKey(key) ? key.sealedSecret : key.secretHash));
    for (const secret of [expired, revoked, live].map(({ key }) => key.slice(-43)).concat(hashes)) {
      expect(printed.join("\n")).not.toContain(secret);
    }
  });

  test("with --json prints JSON", async () => {
    const { id } = await create();
    printed.length = 0;
    await listKeys(options(), { json: true });
    expect(JSON.parse(printed.join(""))).toEqual([
      {
        id,
        form: "api-key",
        principal: "lockkeeper ci-rotator",
        kind: "service",
        userName: null,
        groups: [],
        createdAt: "2026-11-21T09:30:00Z",
        expiresAt: "2027-02-19T09:30:00Z",
        revokedAt: null,
        encryptionKey: null,
        state: "live",
      },
    ]);
  });

  test("says how to make one when there is none", async () => {
    await listKeys(options(), { json: false });
    expect(printed).toEqual([]);
    expect(noted.join("")).toContain("lockkeeper keys create");
  });
});

describe("keys revoke", () => {
  test("has the running service refuse the key after its next look, and leaves a record", async () => {
    const { key, id } = await create();
    const ring = createKeyRing({ read: () => journal.apiKeys(), clock });
    await ring.refresh();
    const authenticate = createApiKeyProof(ring, clock);
    expect(authenticate(key)).toMatchObject({ id: "ci-rotator" });
    await revokeKey(options(), id);
    await ring.refresh();
    expect((await refusal(() => authenticate(key))).code).toBe("unauthenticated");
    expect(records(id).map(({ metadata }) => metadata.event_code)).toEqual([
      "lockkeeper.api-key.created",
      "lockkeeper.api-key.revoked",
    ]);
  });

  test("a second time is told, and leaves no second record", async () => {
    const { id } = await create();
    await revokeKey(options(), id);
    const error = await refusal(revokeKey(options(), id));
    expect(error.message).toBe(`Key ${id} has been revoked already.`);
    expect(records(id)).toHaveLength(2);
  });

  test("of something else, such as the whole key, is told without repeating it", async () => {
    const { key } = await create();
    const error = await refusal(revokeKey(options(), key));
    expect(error.code).toBe("not-found");
    expect(allOf(error)).not.toContain(key);
  });
});
