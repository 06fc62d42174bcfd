import { createApp } from "./app.ts";
import { LAST_TRY_MS } from "./audit/outside/publisher.ts";
import { isLoopbackHost } from "./authn/ip-address.ts";
import { createSourceAddress, trustedPeers } from "./authn/source-address.ts";
import { ActiveCredentials } from "./changes/active-credentials.ts";
import { UserLocks } from "./changes/user-locks.ts";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { countRefusals, readBack } from "./gateway/background.ts";
import { encryptionKeysOf, openCallers } from "./gateway/callers.ts";
import { Closing } from "./gateway/closing.ts";
import { openIam } from "./gateway/iam.ts";
import { openJournal, openMemories } from "./gateway/log.ts";
import type { GatewayOptions } from "./gateway/options.ts";
import { openPolicies } from "./gateway/policies.ts";
import { beginRun } from "./gateway/run.ts";
import { loadContract } from "./http/contract.ts";
import { createLimits } from "./http/limits.ts";
import { replyHeaders } from "./http/reply-headers.ts";
import { createServer, drain, listen, urlOf } from "./http/server.ts";
import { readTls } from "./http/tls.ts";
import { ownUserNames } from "./iam/own-user.ts";
import { iamActionNames } from "./iam/read-through.ts";
import { createMetrics } from "./metrics.ts";
import { newestHead } from "./open-log.ts";
import { policyTimeIn } from "./policy/input.ts";
import { createPip } from "./policy/pip.ts";
import { version } from "./version.ts";

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
  const { config, log, sandbox, clock = systemClock } = options;
  const closing = new Closing();
  const close = async () => {
    const stuck = setTimeout(() => options.onStuck?.(), longestClose(config));
    await closing.close().finally(() => clearTimeout(stuck));
  };
  const context = { config, log, clock, sandbox, metrics: createMetrics(version), closing };
  try {
    const { pdp, policies } = await openPolicies(context, options.onPolicyEvent);
    const encryption = encryptionKeysOf(config);
    const iam = openIam(context);
    // The database opens in its own thread, and AWS answers, while the contract is read here.
    const [journal, ownUsers, contract] = await Promise.all([
      openJournal(context),
      ownUserNames(iam, config.iam),
      Promise.resolve().then(() => loadContract()),
    ]);
    // Before anything is written to the log: its memories outside know whether it is still the one that it was.
    const { publisher, failed } = await openMemories(context, journal);
    const callers = await openCallers(context, journal, encryption);
    const instance = await beginRun(context, journal, { pdp, policies });
    const refusals = countRefusals(context, journal);
    readBack(context, journal, iam, instance);
    // A client that was cut off leaves its change behind: an update that IAM has is not without its outcome then.
    const active = new ActiveCredentials();
    closing.add(() => active.close());

    let draining = false;
    const { account, deadlineMs, readDeadlineMs } = config.iam;
    const headers = replyHeaders({ sandbox: sandbox !== undefined, tls: config.tls !== undefined });
    const app = await createApp({
      contract,
      ...callers,
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
        onDecision: context.metrics.decided,
      },
      apply: { iam, journal, clock, readDeadlineMs, active, onOutcome: context.metrics.changed },
      metrics: context.metrics,
      health: {
        policyReady: () => pdp.revision !== undefined && !policies.expired(),
        policy: () => policies.state(),
        auditReady: () => journal.healthy(),
        draining: () => draining,
      },
      validateResponses: options.validateResponses ?? false,
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

/** Plain HTTP that other machines can reach is for the proxies that end TLS, and for nobody else. */
function needsTrustedPeers({ tls, listen }: Config): boolean {
  return tls === undefined && !isLoopbackHost(listen.host);
}
