import { randomUUIDv7 } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createApp } from "./app.ts";
import { serviceRecord } from "./audit/admin-record.ts";
import { openSqliteStore } from "./audit/sqlite/store.ts";
import { openJournal } from "./audit/store-journal.ts";
import { createApiKeyProof } from "./authn/api-key-proof.ts";
import { createAuthenticator } from "./authn/authenticate.ts";
import { createAccessTokenProof } from "./authn/jwt.ts";
import { createKeyRing, keepFresh } from "./authn/key-ring.ts";
import type { Principal } from "./authn/principal.ts";
import { createSourceAddress } from "./authn/source-address.ts";
import { ActiveCredentials } from "./changes/active-credentials.ts";
import { Reconciler } from "./changes/reconcile.ts";
import { type Clock, systemClock } from "./clock.ts";
import { configDigest } from "./config/digest.ts";
import type { Config } from "./config.ts";
import { LockkeeperError } from "./errors.ts";
import { loadContract } from "./http/contract.ts";
import { createLimits } from "./http/limits.ts";
import { replyHeaders } from "./http/reply-headers.ts";
import { createServer, drain, listen } from "./http/server.ts";
import { type AwsIam, type AwsIamOptions, createIam } from "./iam/client.ts";
import type { Logger } from "./log.ts";
import type { PolicyData } from "./policy/data.ts";
import { policyTimeIn } from "./policy/input.ts";
import { loadPolicy } from "./policy/load.ts";
import { PolicyDecisionPoint } from "./policy/pdp.ts";
import { version } from "./version.ts";

/** What the sandbox has in place of an AWS account and an identity provider. */
export interface Sandbox {
  readonly tokens: ReadonlyMap<string, Principal>;
  readonly credentials: NonNullable<AwsIamOptions["credentials"]>;
  readonly policyData: PolicyData;
}

export interface GatewayOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly sandbox?: Sandbox;
  /** In tests and in the sandbox only: there a reply that is not as documented becomes an error. */
  readonly validateResponses?: boolean;
}

export interface Gateway {
  readonly url: string;
  /** Stops being ready, finishes what is running, closes the log. */
  close(): Promise<void>;
}

/**
 * Opens everything that a gateway needs, and listens.
 * @throws LockkeeperError when a part cannot be had; nothing is left open then
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { config, log, sandbox, clock = systemClock, validateResponses = false } = options;
  const closers: (() => Promise<void> | void)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const pdp = new PolicyDecisionPoint({
      onFault: ({ code, revision, cause }) => log.error({ code, revision, err: cause }, "policy could not decide"),
    });
    const { bundle, data } = loadPolicy(config.policy, sandbox?.policyData);
    pdp.activate(bundle, data);
    const iam = createIam({
      ...config.iam,
      version,
      ...(sandbox && { credentials: sandbox.credentials }),
      onTrouble: (err, changeId) => log.warn({ err, changeId }, "IAM gave no clear answer"),
    });
    closers.push(() => iam.close());
    // The database opens in its own thread, and AWS answers, while the contract is read here.
    const owner = sandbox ? "sandbox" : config.iam.account;
    const opening = openSqliteStore(join(config.dataDir, "lockkeeper.db"), { exclusive: true, owner });
    const asking = ownUser(iam, config);
    const contract = loadContract();
    const [opened, asked] = await Promise.allSettled([opening, asking]);
    if (opened.status === "fulfilled") closers.push(() => opened.value.close());
    const [store, ownUserName] = [settled(opened), settled(asked)];
    const journal = openJournal(store, config.audit);
    closers.push(() => journal.close());
    const stopped = new AbortController();
    closers.push(() => stopped.abort());

    const ring = createKeyRing({ read: journal.apiKeys, clock });
    if (config.authn.apiKeys.enabled) {
      await ring.refresh();
      void keepFresh(ring, clock, stopped.signal, (error) => log.error({ err: error }, "API keys could not be read"));
    }
    const { graceMs, giveUpMs, intervalMs } = config.reconcile;
    const reconciler = new Reconciler({
      iam,
      journal,
      clock,
      graceMs,
      giveUpMs,
      readDeadlineMs: config.iam.readDeadlineMs,
      onSettled: (changeId, { result }) =>
        log[result === "unresolved" ? "error" : "info"]({ changeId, result }, "a change was read back"),
      onFault: (error) => log.error({ err: error }, "changes could not be read back"),
    });
    reconciler.start(intervalMs);
    closers.push(() => reconciler.stop());

    const service = {
      instance: randomUUIDv7(),
      configDigest: configDigest(config),
      revision: bundle.revision,
      account: config.iam.account,
    };
    await journal.note(serviceRecord("started", service, clock.now()));
    closers.push(async () => void (await journal.note(serviceRecord("stopped", service, clock.now()))));

    let draining = false;
    const { account, deadlineMs, readDeadlineMs } = config.iam;
    const headers = replyHeaders({ sandbox: sandbox !== undefined, tls: config.tls !== undefined });
    const limits = createLimits(config.limits);
    const app = await createApp({
      contract,
      authenticate: createAuthenticator({
        ...(config.authn.apiKeys.enabled && { apiKey: createApiKeyProof(ring, clock) }),
        ...(config.authn.issuers.length > 0 && {
          accessToken: createAccessTokenProof({
            issuers: config.authn.issuers,
            clock,
            onFailure: (jwksUri, error) => log.error({ jwksUri, err: error }, "an issuer's keys could not be read"),
          }),
        }),
        ...(sandbox && { sandboxTokens: sandbox.tokens }),
      }),
      limits,
      sourceAddress: createSourceAddress(config.trustedProxies),
      headers,
      log,
      clock,
      journal,
      iam,
      account,
      readDeadlineMs,
      idempotencyTtlMs: config.idempotency.ttlHours * 3_600_000,
      pep: {
        pdp,
        journal,
        clock,
        time: policyTimeIn(config.policy.timeZone),
        ownUserName,
        validForMs: deadlineMs,
      },
      apply: { iam, journal, clock, readDeadlineMs, active: new ActiveCredentials() },
      health: {
        policyReady: () => pdp.revision !== undefined,
        auditReady: () => journal.healthy(),
        draining: () => draining,
      },
      validateResponses,
    });
    const server = createServer({ app, headers, ...(config.tls && { tls: readTls(config.tls) }) });
    const address = await listen(server, config.listen.host, config.listen.port);
    closers.push(async () => {
      draining = true;
      await drain(server, config.shutdown.graceMs);
    });
    return { url: urlOf(address, config.tls !== undefined), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function settled<T>(result: PromiseSettledResult<T>): T {
  if (result.status === "rejected") throw result.reason;
  return result.value;
}

/**
 * Asks AWS who the gateway itself is. Another account than the configured one would mean that every change goes to the
 * wrong place.
 * @returns the name of its own IAM user, if it is one: nobody changes that user's credentials
 */
async function ownUser(
  iam: AwsIam,
  { iam: { account, ownUserName, readDeadlineMs } }: Config,
): Promise<string | undefined> {
  const identity = await iam.callerIdentity(readDeadlineMs);
  if (identity.account !== account) {
    throw new LockkeeperError(
      "configuration",
      `The AWS credentials that Lockkeeper found belong to account ${identity.account}, but iam.account is ${account}. Give it credentials of that account, or mend the configuration.`,
    );
  }
  // arn:aws:iam::123456789012:user/path/to/name; roles have "assumed-role/…", which no update can touch.
  const name = /^arn:[a-z-]+:iam::[0-9]{12}:user\/(?:.*\/)?([^/]+)$/.exec(identity.arn)?.[1];
  return name ?? ownUserName;
}

function readTls({ certFile, keyFile }: NonNullable<Config["tls"]>) {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

function urlOf({ host, port }: { host: string; port: number }, tls: boolean): string {
  return `${tls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
