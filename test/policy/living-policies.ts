import { readFileSync, writeFileSync } from "node:fs";
import { buildPolicies } from "../../scripts/build-policies.mjs";
import { openSqliteStore } from "../../src/audit/sqlite/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { readArchive, writeArchive } from "../../src/policy/archive.ts";
import { type DataSource, fixedData, loadData, type PolicyData } from "../../src/policy/data.ts";
import { DataShelf } from "../../src/policy/data-shelf.ts";
import type { PolicyInput } from "../../src/policy/input.ts";
import { PolicyDecisionPoint } from "../../src/policy/pdp.ts";
import { BundleShelf, type ShelfOptions } from "../../src/policy/shelf.ts";
import { signBundle } from "../../src/policy/signing/sign.ts";
import { fileSource } from "../../src/policy/sources/file.ts";
import type { BundleSource } from "../../src/policy/sources/source.ts";
import type { PolicyEvent } from "../../src/policy/update-events.ts";
import { PolicyUpdates } from "../../src/policy/updates.ts";
import { TestClock } from "../fixture/clock.ts";
import { ordinaryFacts } from "../fixture/facts.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { input, principal } from "./requests.ts";
import { keyPair, testFolder, withManifest } from "./signed-bundles.ts";

const shipped = readArchive(readFileSync(buildPolicies().bundle));
const schemas = JSON.parse(Buffer.from(shipped.get(".manifest") ?? []).toString()).metadata.dataSchemas;
export const siteData: PolicyData = loadData("src/sandbox/site.json");
export const keys = keyPair("ES256");
export const verification = { key: keys.publicKey, algorithm: "ES256" } as const;
const signing = { key: keys.privateKey, algorithm: "ES256" } as const;

/** On-call switches one of Bob's access keys off, with all that policy may want to know. */
export const oncall: PolicyInput = {
  ...input(principal("oncall"), {
    credential: { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName: "Bob" },
  }),
  facts: ordinaryFacts,
};

/** The shipped policies as a signed archive of that revision, built at that minute. */
export async function release(
  revision: string,
  minute: number | undefined,
  metadata: object = {},
  key = signing.key,
  moreSchemas: object = {},
): Promise<Buffer> {
  const createdAt = minute === undefined ? {} : { createdAt: new Date(minute * 60_000).toISOString() };
  const files = withManifest(shipped, {
    revision,
    metadata: { dataSchemas: { ...schemas, ...moreSchemas }, lockkeeper: { ...createdAt, ...metadata } },
  });
  return writeArchive(await signBundle(files, { ...signing, key }));
}

export interface LivingOptions extends Partial<Omit<ShelfOptions, "folder">> {
  readonly source?: BundleSource;
  readonly data?: DataSource;
  readonly maxAgeMs?: number;
  /** Of a gateway that is started again. */
  readonly folder?: ReturnType<typeof testFolder>;
  readonly clock?: TestClock;
}

export type Living = Awaited<ReturnType<typeof livingPolicies>>;

/** Policies as a gateway keeps them, with a real log, a real disk and a clock that stands still. */
export async function livingPolicies(options: LivingOptions = {}) {
  const { folder = testFolder(), clock = new TestClock(), maxAgeMs } = options;
  const bundle = folder.path("bundle.tar.gz");
  const site = folder.path("site.json");
  const events: PolicyEvent[] = [];
  const pace = { ms: 0, step: 0 };
  const pdp: PolicyDecisionPoint = new PolicyDecisionPoint({
    now: () => (pace.ms += pace.step),
    expired: () => updates.expired(),
    onQuarantine: (bad, restored) => updates.quarantined(bad, restored),
  });
  const shelf = await BundleShelf.open({ dated: true, ...options, folder: folder.path("shelf") });
  const updates: PolicyUpdates = new PolicyUpdates({
    source: options.source ?? fileSource(bundle),
    data: options.data ?? fixedData(siteData),
    shelf,
    dataShelf: await DataShelf.open(folder.path("data-shelf")),
    verification,
    pdp,
    clock,
    pollMs: 1_000,
    maxAgeMs,
    random: () => 0,
    onEvent: (event) => events.push(event),
  });
  const store = await openSqliteStore(folder.path("log.db"), { exclusive: true, owner: "test", keys: testLogKeys });
  const journal = openJournal(store, { deadlineMs: 20_000, maxQueue: 2_048 });
  const never = new AbortController();
  return {
    folder,
    clock,
    pdp,
    updates,
    shelf,
    site,
    events,
    pace,
    journal,
    publish: (bytes: Uint8Array) => writeFileSync(bundle, bytes),
    /** As the gateway does it: policies first, then the log. */
    async start() {
      await updates.open();
      const stopped = AbortSignal.abort();
      await updates.run(
        { journal, instance: "0198f0a0-0000-7000-8000-000000000000", account: "123456789012" },
        stopped,
      );
    },
    look: () => updates.lookForBundle(never.signal),
    lookForData: () => updates.lookForData(),
    /** What the log says of policies. */
    async recorded() {
      const { records } = await journal.records({ from: 0, limit: 100 });
      return records.map(({ body }) => {
        const { metadata, unmapped, status_code } = JSON.parse(body ?? "");
        const detail = metadata.event_code === "lockkeeper.policy.refused" ? ` ${status_code}` : "";
        return `${String(metadata.event_code).replace("lockkeeper.policy.", "")} ${unmapped.revision ?? "?"}${detail}`;
      });
    },
    close: () => journal.close(),
  };
}
