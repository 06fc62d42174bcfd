import { mkdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createEncryptionKey } from "../src/authn/encryption-keys.ts";
import { type SandboxIam, startSandboxIam } from "../src/sandbox/iam/server.ts";
import { generateKey } from "../src/tlog/note.ts";
import { Canaries } from "./fixture/canaries.ts";
import { type Caller, Campaign } from "./fixture/canary-campaign.ts";
import { CanaryService, canarySettings, misconfigure } from "./fixture/canary-service.ts";
import { dataFolder } from "./fixture/data-folder.ts";
import { signingKey, TestIssuer } from "./fixture/issuer.ts";
import { newSchema, postgresDatabase, type TestDatabase } from "./fixture/postgres.ts";
import type { RawReply } from "./fixture/raw-http.ts";

const people: Readonly<Record<Caller, string>> = {
  oncall: "oncall",
  viewer: "viewer",
  auditor: "auditor",
  flooder: "viewer",
};

/** What is wrong is pointed at by its name, to whoever wrote it, and nowhere else. */
const pointers: Readonly<Record<string, readonly string[]>> = {
  replies: ["body name of a field"],
  "the log, and what commands say": ["configuration: name of a setting"],
};

/** Everything that a campaign has left behind, by the place where it was found. */
type Traces = Map<string, (Buffer | string)[]>;

function headersOf(headers: Headers): string {
  const lines: string[] = [];
  headers.forEach((value, name) => {
    lines.push(`${name}: ${value}`);
  });
  return lines.join("\n");
}

/** Somebody outside who keeps the log's heads, and who is told a token. */
async function outsideMemory() {
  const [tokens, bodies]: [string[], string[]] = [[], []];
  let kept = "";
  const server = createServer(async (request: IncomingMessage, response) => {
    tokens.push(String(request.headers.authorization));
    let body = "";
    for await (const chunk of request) body += chunk;
    if (request.method === "PUT") {
      kept = body;
      bodies.push(body);
    }
    response.writeHead(request.method === "GET" && kept === "" ? 404 : 200).end(request.method === "GET" ? kept : "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/head`,
    tokens,
    bodies,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

describe.each(["SQLite", "PostgreSQL"])("secrets in every input of a gateway on %s", { timeout: 120_000 }, (store) => {
  const canaries = new Canaries();
  const controls = new Canaries();
  const reason = controls.secret("a reason, which is recorded");
  const traces: Traces = new Map();
  const keep = (place: string, ...found: (Buffer | string)[]) => {
    traces.set(place, [...(traces.get(place) ?? []), ...found]);
  };
  const folder = dataFolder();
  const statuses = new Set<number>();
  /** What ended otherwise than it should. */
  const surprises: string[] = [];
  let memory: Awaited<ReturnType<typeof outsideMemory>>;
  let iam: SandboxIam;
  let issuer: TestIssuer;
  let database: TestDatabase | undefined;

  beforeAll(async () => {
    [memory, iam, issuer] = await Promise.all([
      outsideMemory(),
      startSandboxIam(),
      signingKey("a").then((key) => new TestIssuer(key).listen()),
    ]);
    database = store === "PostgreSQL" ? await postgresDatabase() : undefined;
    const service = new CanaryService(folder.path, {
      AWS_SECRET_ACCESS_KEY: canaries.secret("AWS secret"),
      AWS_SESSION_TOKEN: canaries.secret("AWS session token"),
      DATABASE_PASSWORD: canaries.secret("an environment variable of somebody else's"),
    });
    const settings = configure(service);
    const config = service.config("lockkeeper.yaml", settings);
    const create = (id: string, ...args: readonly string[]) =>
      service.run(["keys", "create", "--principal", id, "--config", config, "--kind", ...args]);
    const keys = Object.fromEntries(
      await Promise.all(
        Object.keys(people).map(async (id) => {
          const { output } = await create(id, "human");
          return [id, /lk_[a-z2-7]{16}_[\w-]{43}/.exec(output)?.[0] ?? ""] as const;
        }),
      ),
    ) as Record<Caller, string>;
    const secret = /AWS_SECRET_ACCESS_KEY=(\S{40})/.exec((await create("aws", "bot", "--aws")).output)?.[1] ?? "";
    // A key is shown once, to whoever makes it; from here on it is a secret.
    const shownOnce = service.said.length;
    canaries.watch("secret access key", secret);
    for (const [id, key] of Object.entries(keys)) canaries.watch(`API key of ${id}`, key.split("_").slice(2).join("_"));

    const running = await service.serve(config);
    const onReply = ({ status, headers, text }: RawReply) => {
      statuses.add(status);
      keep("replies", headersOf(headers), text);
    };
    await new Campaign({ port: running.port, keys, canaries, iam, issuer, reason, onReply }).run();
    keep("files while it runs", ...service.filesIn("data", ["signing-key"]).map(({ bytes }) => bytes));
    await running.stop();
    const rotated = rotatedKey(settings, service);
    const rotation = await service.run(["keys", "rotate-encryption", "--config", rotated]);
    if (rotation.status !== 0) surprises.push(`the rotation ended with ${rotation.status}: ${rotation.output}`);
    keep("files", ...service.filesIn("data", ["signing-key"]).map(({ bytes }) => bytes));
    keep("files", ...service.filesIn("outside").map(({ bytes }) => bytes));
    if (database !== undefined) keep("tables", ...(await tables(database)));
    for (const args of commands(service)) {
      const { status, output } = await service.run([...args, "--config", rotated]);
      if (status !== 0) surprises.push(`${args.join(" ")} ended with ${status}: ${output}`);
    }
    keep("exports", ...service.filesIn("export").map(({ bytes }) => bytes));
    // Nothing of it has to do with the store.
    if (database === undefined) surprises.push(...(await misconfigure(service, settings, canaries)));
    keep("the log, and what commands say", service.said.subarray(shownOnce));
    keep("the outside memory", ...memory.bodies);
    keep("what IAM was sent", JSON.stringify(iam.journal.entries()));
  }, 120_000);
  afterAll(async () => {
    await Promise.all([memory.close(), iam.close(), issuer.close()]);
    await database?.drop();
    folder.remove();
  });

  const schema = newSchema();

  function configure(service: CanaryService) {
    const site = {
      roles: {
        principals: Object.fromEntries(Object.entries(people).map(([id, role]) => [`lockkeeper ${id}`, [role]])),
        groups: {},
      },
      protectedUsers: { alice: canaries.secret("why a user is protected") },
      gatewayUsers: {},
      suspended: { principals: {}, people: {} },
    };
    const origin = "lockkeeper.example/canary";
    const { signer } = generateKey(origin);
    canaries.watch("the log's signing key", signer.split("+").slice(4).join("+"));
    const password = database === undefined ? undefined : canaries.watch("PostgreSQL's password", database.password);
    service.file("outside.token", canaries.secret("token of the outside memory"));
    const outside = service.file("outside");
    mkdirSync(outside);
    return {
      ...canarySettings(service, iam.url, service.file("site.json", JSON.stringify({ site }))),
      audit: {
        origin,
        signingKeyFile: service.file("signing-key", `${signer}\n`),
        outside: {
          url: memory.url,
          tokenFile: service.file("outside.token"),
          file: join(outside, "head"),
          intervalMs: 100,
        },
      },
      authn: {
        issuers: [issuer.config()],
        awsKeys: { encryptionKeyFile: encryptionKey(service, "the encryption key") },
      },
      limits: {
        failedAuthentications: { perMinute: 100_000 },
        changes: { perMinute: 1_000 },
        whatIfs: { perMinute: 5 },
      },
      ...(database && password !== undefined && { postgres: { ...database.address, schema } }),
    };
  }

  /** A key in its file, which is watched for. */
  function encryptionKey(service: CanaryService, name: string): string {
    const file = service.file(name);
    createEncryptionKey(file);
    canaries.watch(name, readFileSync(file, "utf8").trim());
    return file;
  }

  /** The configuration after a change of the encryption key. */
  function rotatedKey(settings: ReturnType<typeof configure>, service: CanaryService): string {
    const { encryptionKeyFile } = settings.authn.awsKeys;
    const awsKeys = {
      encryptionKeyFile: encryptionKey(service, "the next encryption key"),
      formerEncryptionKeyFiles: [encryptionKeyFile],
    };
    return service.config("rotated.yaml", { ...settings, authn: { ...settings.authn, awsKeys } });
  }

  async function tables(of: TestDatabase): Promise<string[]> {
    const names = await of.admin("SELECT tablename FROM pg_tables WHERE schemaname = $1", [schema]);
    const dumps = names.map(({ tablename }) => of.admin(`SELECT t::text AS row FROM ${schema}.${tablename} AS t`));
    return (await Promise.all(dumps)).flat().map(({ row }) => String(row));
  }

  /** What operators run, and where it writes to. */
  function commands(service: CanaryService): string[][] {
    return [
      ["keys", "list", "--json"],
      ["config", "check"],
      ["audit", "verify"],
      ["audit", "export", "--out", service.file("export/bundle")],
      ["audit", "export", "--format", "ocsf", "--out", service.file("export/records.jsonl")],
    ];
  }

  it("has met every kind of refusal, and left traces everywhere", () => {
    for (const status of [200, 201, 400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 429, 502, 503, 504]) {
      expect(statuses, String(status)).toContain(status);
    }
    expect(surprises).toEqual([]);
    expect(canaries.count).toBeGreaterThan(120);
    expect(memory.tokens.some((token) => canaries.foundIn(token).includes("token of the outside memory"))).toBe(true);
  });

  it.each([
    ...["replies", "files", "the log, and what commands say", "the outside memory", "what IAM was sent", "exports"],
    ...(store === "SQLite" ? ["files while it runs"] : ["tables"]),
  ])("none of them is in %s", (place) => {
    const found = traces.get(place) ?? [];
    expect(found.length, "there is something to search").toBeGreaterThan(0);
    const named = pointers[place] ?? [];
    const names = new Set(found.flatMap((trace) => canaries.foundIn(trace)));
    expect([...names].filter((name) => !named.includes(name))).toEqual([]);
  });

  it.each([...["replies", "exports"], store === "SQLite" ? "files" : "tables"])(
    "what is recorded is found by the same search in %s",
    (place) => {
      const found = traces.get(place) ?? [];
      expect(found.flatMap((trace) => controls.foundIn(trace))).not.toEqual([]);
    },
  );

  it("what is recorded is found in base64 too: in the proof of a receipt", () => {
    const receipts = (traces.get("replies") ?? []).map(String).filter((text) => text.includes("c2sp.org/tlog-proof"));
    expect(receipts.filter((text) => controls.foundIn(text.replaceAll(reason, "")).length > 0)).not.toEqual([]);
  });
});
