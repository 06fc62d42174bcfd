import { randomUUIDv7 } from "node:crypto";
import type { Journal } from "../audit/journal.ts";
import { policyRecord } from "../audit/policy-record.ts";
import { serviceRecord } from "../audit/service-record.ts";
import { configDigest } from "../config/digest.ts";
import { logInUse } from "../open-log.ts";
import type { PolicyDecisionPoint } from "../policy/pdp.ts";
import type { PolicyUpdates } from "../policy/updates.ts";
import type { GatewayContext } from "./options.ts";

/**
 * Records that this run of the service has started and with which policies, keeps those up to date, and records its end.
 * @returns the name of the run, a UUIDv7
 */
export async function beginRun(
  { config, clock, closing }: GatewayContext,
  journal: Journal,
  { pdp, policies }: { readonly pdp: PolicyDecisionPoint; readonly policies: PolicyUpdates },
): Promise<string> {
  const { account } = config.iam;
  const service = {
    instance: randomUUIDv7(),
    configDigest: configDigest(config),
    get revision() {
      return pdp.revision ?? "none";
    },
    account,
    log: await logInUse(journal, config),
  };
  const { instance } = service;
  await journal.note(serviceRecord("started", service, clock.now()));
  closing.add(() => journal.note(serviceRecord("stopped", service, clock.now())));

  const inForce = policies.inForce();
  if (inForce) await journal.note(policyRecord(inForce, { instance, account, time: clock.now() }));
  const stopped = new AbortController();
  const updated = policies.run({ journal, instance, account }, stopped.signal);
  closing.add(() => {
    stopped.abort();
    return updated;
  });
  return instance;
}
