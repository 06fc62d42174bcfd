import { randomUUIDv7 } from "node:crypto";
import { createApp } from "./app.ts";
import { policyRecord, serviceRecord } from "./audit/admin-record.ts";
import type { Journal } from "./audit/journal.ts";
import { LAST_TRY_MS } from "./audit/outside/publisher.ts";
import { createApiKeyProof } from "./authn/api-key-proof.ts";
import { createAuthenticator } from "./authn/authenticate.ts";
import { type AwsKeyRing, createAwsKeyRing } from "./authn/aws-key-ring.ts";
import type { AwsKeyPair } from "./authn/aws-keys.ts";
import { type EncryptionKeys, readEncryptionKeys } from "./authn/encryption-keys.ts";
import { isLoopbackHost } from "./authn/ip-address.ts";
import { createAccessTokenProof } from "./authn/jwt.ts";
import { createKeyRing, keepFresh } from "./authn/key-ring.ts";
import type { Principal } from "./authn/principal.ts";
import { createSourceAddress, trustedPeers } from "./authn/source-address.ts";
import { createCallerIdentityProof } from "./authn/sts/caller-identity.ts";
import { ActiveCredentials } from "./changes/active-credentials.ts";
import { Reconciler } from "./changes/reconcile.ts";
import { UserLocks } from "./changes/user-locks.ts";
import { type Clock, systemClock } from "./clock.ts";
import { Closing } from "./closing.ts";
import { configDigest } from "./config/digest.ts";
import type { Config } from "./config.ts";
import { loadContract } from "./http/contract.ts";
import { createLimits } from "./http/limits.ts";
import { Refusals } from "./http/refusals.ts";
import { replyHeaders } from "./http/reply-headers.ts";
import { createServer, drain, listen, urlOf } from "./http/server.ts";
import { readTls } from "./http/tls.ts";
import { type AwsIamOptions, createIam } from "./iam/client.ts";
import { measuredIam } from "./iam/measured.ts";
import { ownUserNames } from "./iam/own-user.ts";
import { iamActionNames } from "./iam/read-through.ts";
import type { Logger } from "./log.ts";
import { logPolicyEvent } from "./log-policy-event.ts";
import { createMetrics } from "./metrics.ts";
import { followOutside, logInUse, newestHead, openLog } from "./open-log.ts";
import type { PolicyData } from "./policy/data.ts";
import { policyTimeIn } from "./policy/input.ts";
import { policyUpdates } from "./policy/load.ts";
import { PolicyDecisionPoint } from "./policy/pdp.ts";
import { createPip } from "./policy/pip.ts";
import type { PolicyEvent } from "./policy/update-events.ts";
import { version } from "./version.ts";

/** What the sandbox has in place of an AWS account and an identity provider. */
export interface Sandbox {
  readonly tokens: ReadonlyMap<string, Principal>;
  /** By access key id. */
  readonly keyPairs: ReadonlyMap<string, AwsKeyPair>;
  readonly credentials: NonNullable<AwsIamOptions["credentials"]>;
  /** By default that of `policy.dataFile`. */
  readonly policyData?: PolicyData;
  /** Path of a bundle in place of the configured one, taken whenever it changes. */
  readonly policyBundle?: string;
}

export interface GatewayOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly sandbox?: Sandbox;
  /** In tests and in the sandbox only: there a reply that is not as documented becomes an error. */
  readonly validateResponses?: boolean;
  /** Told what becomes of policies, in place of the log; must not throw. */
  readonly onPolicyEvent?: (event: PolicyEvent) => void;
  /** Told when closing has taken longer than everything in it may take: a disk hangs, and nothing here ends it. */
  readonly onStuck?: () => void;
}

export interface Gateway {
  readonly url: string;
  /** Resolves when the gateway can never take a change again and should be closed: its log has failed for good. */
  readonly failed: Promise<Error>;
  /**
   * Stops being ready, finishes what is running, closes the log.
   * @throws AggregateError with all that failed; everything else is closed then
   */
  close(): Promise<void>;
}

/**
 * Opens everything that a gateway needs, and listens.
 * @throws LockkeeperError when a part cannot be had; nothing is left open then
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { config, log, sandbox, clock = systemClock, validateResponses = false } = options;
  const closing = new Closing();
  const close = async () => {
    const stuck = setTimeout(() => options.onStuck?.(), longestClose(config));
    await closing.close().finally(() => clearTimeout(stuck));
  };
  try {
    const pdp = new PolicyDecisionPoint({
      onFault: ({ code, revision, cause }) => log.error({ code, revision, err: cause }, "policy could not decide"),
      expired: () => policies.expired(),
      onQuarantine: (quarantined, restored) => policies.quarantined(quarantined, restored),
    });
    const metrics = createMetrics(version);
    const onEvent = (event: PolicyEvent) => {
      metrics.policyEvent(event);
      if (options.onPolicyEvent) options.onPolicyEvent(event);
      else logPolicyEvent(log, event);
    };
    const given = { data: sandbox?.policyData, bundle: sandbox?.policyBundle };
    const policies = await policyUpdates(config, { pdp, clock, onEvent }, given);
    await policies.open();
    const encryption = encryptionKeysOf(config);
    const awsIam = createIam({
      ...config.iam,
      version,
      clock,
      ...(sandbox && { credentials: sandbox.credentials }),
      onTrouble: (err, changeId) => log.warn({ err, changeId }, "IAM gave no clear answer"),
      onRefused: ({ kind: _, ...answer }, changeId) => log.warn({ changeId, ...answer }, "IAM refused a change"),
    });
    const iam = measuredIam(awsIam, metrics.called);
    closing.add(() => iam.close());
    const owner = sandbox ? "sandbox" : config.iam.account;
    const onHealth = (err?: Error) =>
      err ? log.error({ err }, "the audit log takes no records") : log.info("the audit log takes records again");
    const opened = openLog({ config, owner, onCommit: metrics.committed, onHealth }, { exclusive: true });
    closing.add(() => opened.then((journal) => journal.close(), notOpened));
    // The database opens in its own thread, and AWS answers, while the contract is read here.
    const [journal, ownUsers, contract] = await Promise.all([
      opened,
      ownUserNames(iam, config.iam),
      Promise.resolve().then(() => loadContract()),
    ]);
    // Before anything is written to it: a log that is not the one that was sent outside is left as it is.
    const rolledBack = Promise.withResolvers<Error>();
    const publisher = await followOutside({ config, journal, clock, log, onRolledBack: rolledBack.resolve });
    closing.add(() => publisher.stop());
    const stopped = new AbortController();
    closing.add(() => stopped.abort());

    const ring = createKeyRing({ read: journal.apiKeys, clock });
    const keyPairs = encryption && awsKeyRing(encryption, journal, clock, log);
    for (const keys of [config.authn.apiKeys.enabled ? ring : undefined, keyPairs]) {
      if (keys === undefined) continue;
      await keys.refresh();
      void keepFresh(keys, clock, stopped.signal, (error) => log.error({ err: error }, "keys could not be read"));
    }
    const service = {
      instance: randomUUIDv7(),
      configDigest: configDigest(config),
      get revision() {
        return pdp.revision ?? "none";
      },
      account: config.iam.account,
      log: await logInUse(journal, config),
    };
    await journal.note(serviceRecord("started", service, clock.now()));
    closing.add(() => journal.note(serviceRecord("stopped", service, clock.now())));
    const inForce = policies.inForce();
    if (inForce) await journal.note(policyRecord(inForce, service.instance, service.account, clock.now()));
    const updated = policies.run({ journal, ...service }, stopped.signal);
    closing.add(() => {
      stopped.abort();
      return updated;
    });
    metrics.watch({ journal, clock, maxQueue: config.audit.maxQueue, outside: () => publisher.ages() });
    const refusals = new Refusals({
      journal,
      clock,
      onFault: (error) => log.error({ err: error }, "refused requests could not be recorded"),
    });
    refusals.start();
    closing.add(() => refusals.stop());

    const reconciler = new Reconciler({
      iam,
      journal,
      clock,
      ...config.reconcile,
      instance: service.instance,
      iamDeadlineMs: config.iam.deadlineMs,
      readDeadlineMs: config.iam.readDeadlineMs,
      onSettled: (changeId, { result }) => {
        metrics.settled(result);
        log[result === "unresolved" ? "error" : "info"]({ changeId, result }, "a change was read back");
      },
      onPass: metrics.passed,
      onFault: (error) => log.error({ err: error }, "changes could not be read back"),
    });
    reconciler.start();
    closing.add(() => reconciler.stop());
    // A client that was cut off leaves its change behind: an update that IAM has is not without its outcome then.
    const active = new ActiveCredentials();
    closing.add(() => active.close());

    let draining = false;
    const { account, deadlineMs, readDeadlineMs } = config.iam;
    const headers = replyHeaders({ sandbox: sandbox !== undefined, tls: config.tls !== undefined });
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
        ...(config.authn.sts?.enabled && {
          callerIdentity: createCallerIdentityProof({
            sts: config.authn.sts,
            ownAccount: account,
            clock,
            onFailure: (error) => log.error({ err: error }, "AWS STS could not be asked who a caller is"),
          }),
        }),
        ...(sandbox && { sandboxTokens: sandbox.tokens }),
      }),
      awsKeys: { find: (id) => sandbox?.keyPairs.get(id) ?? keyPairs?.find(id) },
      iamActions: iamActionNames,
      limits: createLimits(config.limits),
      refusals,
      sourceAddress: createSourceAddress(config.trustedProxies),
      headers,
      log,
      clock,
      journal: { ...journal, head: () => newestHead(journal, publisher) },
      iam,
      account,
      readDeadlineMs,
      idempotencyTtlMs: config.idempotency.ttlHours * 3_600_000,
      pep: {
        pdp,
        pip: createPip({ iam, journal, clock, deadlineMs: readDeadlineMs }),
        userLocks: new UserLocks({ journal, clock, waitMs: deadlineMs, holdMs: readDeadlineMs + deadlineMs }),
        journal,
        clock,
        time: policyTimeIn(config.policy.timeZone),
        ownUserNames: ownUsers,
        validForMs: deadlineMs,
        onDecision: metrics.decided,
      },
      apply: { iam, journal, clock, readDeadlineMs, active, onOutcome: metrics.changed },
      metrics,
      health: {
        policyReady: () => pdp.revision !== undefined && !policies.expired(),
        policy: () => policies.state(),
        auditReady: () => journal.healthy(),
        draining: () => draining,
      },
      validateResponses,
    });
    const server = createServer({
      app,
      headers,
      ...(config.tls && { tls: readTls(config.tls) }),
      ...(needsTrustedPeers(config) && { admits: trustedPeers(config.trustedProxies) }),
    });
    const address = await listen(server, config.listen.host, config.listen.port);
    closing.add(async () => {
      draining = true;
      await clock.sleep(config.shutdown.announceMs);
      await drain(server, config.shutdown.graceMs);
    });
    const failed = Promise.race([journal.failed, rolledBack.promise]);
    return { url: urlOf(address, config.tls !== undefined), failed, close };
  } catch (error) {
    await close().catch((err) => log.error({ err }, "what was opened could not be closed"));
    throw error;
  }
}

/** Milliseconds that closing may take when every part of it takes as long as it may. */
function longestClose({ shutdown, iam, audit }: Config): number {
  const { announceMs, graceMs } = shutdown;
  return announceMs + graceMs + iam.deadlineMs + iam.readDeadlineMs + 3 * audit.deadlineMs + LAST_TRY_MS;
}

/** What opens the key pairs of AWS clients, where they are accepted. Read before anything is opened or recorded. */
function encryptionKeysOf({ authn: { awsKeys } }: Config): EncryptionKeys | undefined {
  return awsKeys?.enabled === true ? readEncryptionKeys(awsKeys) : undefined;
}

/** The key pairs of AWS clients. One that is of no use is told of, and stops nothing. */
function awsKeyRing(
  encryption: EncryptionKeys,
  { apiKeys }: Pick<Journal, "apiKeys">,
  clock: Clock,
  log: Logger,
): AwsKeyRing {
  return createAwsKeyRing({
    read: apiKeys,
    clock,
    encryption,
    onUnusable: (accessKeyId, why) => log.error({ accessKeyId, why }, "a key pair cannot be used"),
  });
}

/** What was never opened needs no closing; why it was not has been thrown. */
function notOpened(): void {}

/** Plain HTTP that other machines can reach is for the proxies that end TLS, and for nobody else. */
function needsTrustedPeers({ tls, listen }: Config): boolean {
  return tls === undefined && !isLoopbackHost(listen.host);
}
