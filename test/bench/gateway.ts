import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { keyRecord } from "../../src/audit/admin-record.ts";
import { openSqliteStore } from "../../src/audit/sqlite/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { createApiKey } from "../../src/authn/api-keys.ts";
import { startProgram } from "./processes.ts";

const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

/** The principals of the benchmark; what each may do is in {@link siteData}. */
export const principals = ["oncall", "flooder", "viewer"] as const;
export type BenchPrincipal = (typeof principals)[number];

/** A gateway in production mode: the built package, API keys, a YAML file, an IAM endpoint of its own. */
export async function startGateway(iamUrl: string, siteData: unknown, limits: Readonly<Record<string, number>>) {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-bench-"));
  const keys = await issueKeys(join(folder, "data", "lockkeeper.db"));
  const config = join(folder, "lockkeeper.yaml");
  const site = join(folder, "site.json");
  writeFileSync(site, JSON.stringify(siteData));
  writeFileSync(
    config,
    JSON.stringify({
      listen: { host: "127.0.0.1", port: 0 },
      dataDir: join(folder, "data"),
      iam: { account: "123456789012", endpoint: iamUrl, stsEndpoint: iamUrl },
      policy: { dataFile: site },
      limits: Object.fromEntries(Object.entries(limits).map(([name, perMinute]) => [name, { perMinute }])),
    }),
  );
  const start = performance.now();
  const { child, url } = await startProgram([main, "serve", "--config", config], {
    AWS_ACCESS_KEY_ID: "AKIABENCHMARK0000000",
    AWS_SECRET_ACCESS_KEY: "benchmark",
  });
  while (!(await isReady(url))) await new Promise((resolve) => setTimeout(resolve, 5));
  return { child, url, keys, readyMs: performance.now() - start, remove: () => rmSync(folder, { recursive: true }) };
}

async function isReady(url: string): Promise<boolean> {
  return (await fetch(`${url}/readyz`)).status === 200;
}

async function issueKeys(database: string): Promise<Record<BenchPrincipal, string>> {
  const journal = openJournal(await openSqliteStore(database, { exclusive: false }), {
    deadlineMs: 5000,
    maxQueue: 100,
  });
  const now = Date.now();
  const keys: Partial<Record<BenchPrincipal, string>> = {};
  for (const id of principals) {
    const principal = { id, issuer: "lockkeeper", kind: "human", groups: [], authn: "api-key" } as const;
    const { key, stored } = createApiKey({ principal, now });
    await journal.addApiKey(
      stored,
      keyRecord("created", { id: stored.id, principal, expiresAt: stored.expiresAt }, now),
      now,
    );
    keys[id] = key;
  }
  await journal.close();
  return keys as Record<BenchPrincipal, string>;
}
