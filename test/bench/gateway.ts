import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { keyRecord } from "../../src/audit/admin-record.ts";
import { openSqliteStore } from "../../src/audit/sqlite/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { createApiKey } from "../../src/authn/api-keys.ts";
import { sandboxCredentials } from "../../src/sandbox/iam/seed.ts";
import { startProgram } from "./processes.ts";

const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

/**
 * A gateway in production mode: the built package, API keys, a YAML file, an IAM endpoint of its own.
 * @param roles role of each principal; each gets an API key
 * @param limits requests per minute by kind; the defaults where it is silent
 */
export async function startGateway<Id extends string>(
  iamUrl: string,
  roles: Readonly<Record<Id, string>>,
  limits: Readonly<Record<string, number>> = {},
) {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-bench-"));
  const dataDir = join(folder, "data");
  const keys = await issueKeys(join(dataDir, "lockkeeper.db"), Object.keys(roles) as Id[]);
  const [config, dataFile] = [join(folder, "lockkeeper.yaml"), join(folder, "site.json")];
  writeFileSync(dataFile, JSON.stringify(siteWith(roles)));
  writeFileSync(
    config,
    // JSON is YAML.
    JSON.stringify({
      listen: { host: "127.0.0.1", port: 0 },
      dataDir,
      iam: { account: "123456789012", endpoint: iamUrl, stsEndpoint: iamUrl },
      policy: { dataFile },
      limits: Object.fromEntries(Object.entries(limits).map(([name, perMinute]) => [name, { perMinute }])),
    }),
  );
  const start = performance.now();
  const { child, url } = await startProgram([main, "serve", "--config", config], {
    AWS_ACCESS_KEY_ID: sandboxCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: sandboxCredentials.secretAccessKey,
  });
  while (!(await isReady(url))) await new Promise((resolve) => setTimeout(resolve, 5));
  const readyMs = performance.now() - start;
  return { child, url, keys, readyMs, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function siteWith(roles: Readonly<Record<string, string>>) {
  const principals = Object.fromEntries(Object.entries(roles).map(([id, role]) => [`lockkeeper ${id}`, [role]]));
  return {
    site: {
      roles: { principals, groups: {} },
      protectedUsers: {},
      gatewayUsers: {},
      suspended: { principals: {}, people: {} },
    },
  };
}

async function isReady(url: string): Promise<boolean> {
  return (await fetch(`${url}/readyz`)).status === 200;
}

async function issueKeys<Id extends string>(database: string, ids: readonly Id[]): Promise<Record<Id, string>> {
  const store = await openSqliteStore(database, { exclusive: false });
  const journal = openJournal(store, { deadlineMs: 5000, maxQueue: 1000 });
  const now = Date.now();
  const issued = await Promise.all(
    ids.map(async (id) => {
      const principal = { id, issuer: "lockkeeper", kind: "human", groups: [], authn: "api-key" } as const;
      const { key, stored } = createApiKey({ principal, now });
      const record = keyRecord("created", { id: stored.id, principal, expiresAt: stored.expiresAt }, now);
      await journal.addApiKey(stored, record, now);
      return [id, key] as const;
    }),
  );
  await journal.close();
  return Object.fromEntries(issued) as Record<Id, string>;
}
