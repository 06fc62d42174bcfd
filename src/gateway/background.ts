import type { Journal } from "../audit/journal.ts";
import { Reconciler } from "../changes/reconcile.ts";
import { Refusals } from "../http/refusals.ts";
import type { AwsIam } from "../iam/client.ts";
import type { GatewayContext } from "./options.ts";

/** Requests that were refused before policy, counted and recorded. */
export function countRefusals({ log, clock, closing }: GatewayContext, journal: Journal): Refusals {
  const onFault = (err: unknown) => log.error({ err }, "refused requests could not be recorded");
  const refusals = new Refusals({ journal, clock, onFault });
  refusals.start();
  closing.add(() => refusals.stop());
  return refusals;
}

/**
 * Reads changes back whose end nobody knows, and settles them.
 * @param instance the run of the service that does it
 */
export function readBack(context: GatewayContext, journal: Journal, iam: AwsIam, instance: string): void {
  const { config, log, clock, metrics, closing } = context;
  const reconciler = new Reconciler({
    iam,
    journal,
    clock,
    ...config.reconcile,
    instance,
    iamDeadlineMs: config.iam.deadlineMs,
    readDeadlineMs: config.iam.readDeadlineMs,
    onSettled: (changeId, { result }) => {
      metrics.settled(result);
      log[result === "unresolved" ? "error" : "info"]({ changeId, result }, "a change was read back");
    },
    onPass: metrics.passed,
    onFault: (err) => log.error({ err }, "changes could not be read back"),
  });
  reconciler.start();
  closing.add(() => reconciler.stop());
}
