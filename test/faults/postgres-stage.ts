import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPostgresReader } from "../../src/audit/postgres/reader.ts";
import { extraUser } from "../../src/sandbox/iam/seed.ts";
import { newSchema, postgresDatabase, type TestDatabase } from "../fixture/postgres.ts";
import type { ServerAddress } from "../fixture/postgres-global.ts";
import { startProgram } from "../fixture/processes.ts";
import { prepareService, type Service } from "../fixture/service.ts";
import { type Told, until } from "./callers.ts";
import { change, main, verifiedLog } from "./gate.ts";

export interface StageOptions {
  /** Default: the server of this run. */
  readonly server?: ServerAddress;
  /** What runs; default: the gateway as it is. */
  readonly program?: string;
  /** Users at IAM, each with an access key. */
  readonly users: number;
  /** Sections of the configuration. */
  readonly settings?: Readonly<Record<string, object>>;
  /** Milliseconds that IAM takes for each update: there are changes between intent and outcome at any moment then. */
  readonly updateMs?: number;
  /** Where the gateways find the server, when not where it is. */
  readonly port?: number;
}

/** A log in a database of its own, IAM as a process of its own, and gateways to be started. */
export interface Stage extends Service<"oncall"> {
  readonly log: TestDatabase;
  readonly schema: string;
  readonly key: string;
  readonly iamUrl: string;
  /** Ids of the changes of which IAM got an update, in order. */
  updates(): readonly string[];
  /** Another configuration of a gateway on the same log. */
  beside(settings: Readonly<Record<string, object>>): Promise<Service<"oncall">>;
  /** Compares what callers were told with the log, and the log with what IAM got. */
  judge(told: readonly Told[]): Promise<Judgement>;
  /** @returns the first thing that `lockkeeper audit verify` finds wrong */
  verify(receipts?: readonly string[]): Promise<string | undefined>;
  /** Resolves when every change has its end. */
  settled(): Promise<void>;
}

export interface Judgement {
  /** What was acknowledged and is not in the log. */
  readonly lost: readonly Told[];
  /** Updates at IAM whose intent is not in the log. */
  readonly unexplained: readonly string[];
  /** Updates at IAM beyond the first of each change. */
  readonly repeated: number;
  /** Changes that were begun and have no end. */
  readonly open: readonly string[];
  /** Changes with more than one intent or outcome. */
  readonly twice: readonly string[];
  readonly records: number;
}

export type Running = Awaited<ReturnType<Service<"oncall">["start"]>>;

export async function prepareStage(options: StageOptions): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-stage-"));
  const updatesFile = join(folder, "iam.jsonl");
  const log = await postgresDatabase(options.server);
  const schema = newSchema();
  const iam = await startProgram([
    main,
    "sandbox-iam",
    "--extra-users",
    String(options.users),
    "--journal",
    updatesFile,
  ]);
  if (options.updateMs !== undefined) {
    await injectFault(iam.url, { kind: "latency", action: "UpdateAccessKey", ms: options.updateMs, times: "always" });
  }
  const url = new URL(log.address.url);
  if (options.port !== undefined) url.port = String(options.port);
  const prepare = (settings: Readonly<Record<string, object>>) =>
    prepareService({
      main: options.program ?? main,
      iamUrl: iam.url,
      roles: { oncall: "oncall" },
      dataDir: join(folder, "data"),
      settings: {
        iam: { account: "123456789012", endpoint: iam.url, stsEndpoint: iam.url, deadlineMs: 1_500 },
        postgres: { ...log.address, url: String(url), schema },
        reconcile: { intervalMs: 200, graceMs: 0, giveUpMs: 60_000 },
        limits: { changes: { perMinute: 10_000_000 }, reads: { perMinute: 10_000_000 } },
        ...settings,
      },
    });
  const service = await prepare({ ...options.settings });
  const updates = () =>
    readFileSync(updatesFile, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => String(JSON.parse(line).changeId));
  return {
    ...service,
    log,
    schema,
    key: service.keys.oncall,
    iamUrl: iam.url,
    updates,
    beside: (settings) => prepare({ ...options.settings, ...settings }),
    judge: async (told) => judge(await rows(log, schema), told, updates()),
    verify: async (receipts) =>
      verifiedLog(await openPostgresReader({ ...log.address, schema }), [service.verifierKey], receipts),
    settled: () =>
      until("every change has its end", async () => (await log.admin(`SELECT 1 FROM ${schema}.inflight`)).length === 0),
    remove() {
      service.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface LogRow {
  readonly change: string;
  readonly code: string;
  readonly hash: string;
}

/** The log, asked of the database itself. */
async function rows(log: TestDatabase, schema: string): Promise<LogRow[]> {
  const found = await log.admin(
    `SELECT idx, correlation, code, encode(leaf_hash, 'hex') AS hash FROM ${schema}.records ORDER BY idx`,
  );
  return found.map((row, at) => {
    if (Number(row["idx"]) !== at) throw new Error(`record ${at} is missing`);
    return { change: String(row["correlation"]), code: String(row["code"]), hash: String(row["hash"]) };
  });
}

function judge(log: readonly LogRow[], told: readonly Told[], updates: readonly string[]): Judgement {
  const [intents, outcomes, ends] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const twice: string[] = [];
  const once = (seen: Set<string>, id: string) => {
    if (seen.has(id)) twice.push(id);
    seen.add(id);
  };
  for (const { change: id, code } of log) {
    if (code === "credential.status.intent") once(intents, id);
    if (code === "credential.status.outcome") once(outcomes, id);
    if (code === "credential.status.outcome" || code === "credential.status.reconciled") ends.add(id);
  }
  const lost = told.filter(({ change: id, code, index, leafHash }) => {
    const row = log[index];
    // An outcome that was not known at first is told by what was read back.
    const isSo = row?.code === code || (ends.has(id) && row?.code === "credential.status.reconciled");
    return !isSo || row?.change !== id || row.hash !== leafHash;
  });
  return {
    lost,
    unexplained: updates.filter((id) => !intents.has(id)),
    repeated: updates.length - new Set(updates).size,
    open: [...intents].filter((id) => !ends.has(id)),
    twice,
    records: log.length,
  };
}

/** Makes the stand-in for IAM misbehave. */
export async function injectFault(iamUrl: string, fault: object): Promise<void> {
  const reply = await fetch(`${iamUrl}/_sandbox/faults`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(fault),
  });
  if (!reply.ok) throw new Error(await reply.text());
}

/** Asks for a change of a user's access key. */
export function askFor(url: string, key: string, user: number, status = "Inactive") {
  const { userName, accessKeyId } = extraUser(user);
  return change(url, key, { credential: { type: "access-key", id: accessKeyId, userName }, status, ticket: "SEC-1" });
}

/** @returns how many of these users' credentials do not take a change, in the direction that has to wait for others */
export async function blocked(url: string, key: string, users: number): Promise<number> {
  let count = 0;
  for (let user = 1; user <= users; user += 1) {
    let status: number | undefined;
    const take = async () => {
      status = (await askFor(url, key, user, "Active"))?.status;
      return status !== 409;
    };
    await until("the credential is free", take, 15_000).catch(() => {});
    if (status !== 201) count += 1;
  }
  return count;
}

export function killed(child: ChildProcess, signal: NodeJS.Signals = "SIGKILL"): Promise<unknown> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  return ended;
}
