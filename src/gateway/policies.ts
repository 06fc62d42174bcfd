import { policyUpdates } from "../policy/load.ts";
import { PolicyDecisionPoint } from "../policy/pdp.ts";
import type { PolicyEvent } from "../policy/update-events.ts";
import type { PolicyUpdates } from "../policy/updates.ts";
import { logPolicyEvent } from "./log-policy-event.ts";
import type { GatewayContext } from "./options.ts";

/**
 * What decides, and what keeps it up to date, with the newest policies that can be had in force.
 * @param tell told what becomes of policies, in place of the log
 * @throws LockkeeperError as `policyUpdates`
 */
export async function openPolicies(
  { config, log, clock, metrics, sandbox }: GatewayContext,
  tell: (event: PolicyEvent) => void = (event) => logPolicyEvent(log, event),
): Promise<{ readonly pdp: PolicyDecisionPoint; readonly policies: PolicyUpdates }> {
  const pdp = new PolicyDecisionPoint({
    onFault: ({ code, revision, cause }) => log.error({ code, revision, err: cause }, "policy could not decide"),
    expired: () => policies.expired(),
    onQuarantine: (quarantined, restored) => policies.quarantined(quarantined, restored),
  });
  const onEvent = (event: PolicyEvent) => {
    metrics.policyEvent(event);
    tell(event);
  };
  const given = { data: sandbox?.policyData, bundle: sandbox?.policyBundle };
  const policies = await policyUpdates(config, { pdp, clock, onEvent }, given);
  await policies.open();
  metrics.watchPolicies({ state: () => policies.state(), maxAgeMs: policies.maxAgeMs });
  return { pdp, policies };
}
