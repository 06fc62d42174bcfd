import { type AwsIam, createIam } from "../iam/client.ts";
import { measuredIam } from "../iam/measured.ts";
import { version } from "../version.ts";
import type { GatewayContext } from "./options.ts";

/** The configured IAM, measured, and with its troubles in the log. */
export function openIam({ config, log, clock, metrics, sandbox, closing }: GatewayContext): AwsIam {
  const iam = createIam({
    ...config.iam,
    version,
    clock,
    ...(sandbox && { credentials: sandbox.credentials }),
    onTrouble: (err, changeId) => log.warn({ err, changeId }, "IAM gave no clear answer"),
    onRefused: ({ kind: _, ...answer }, changeId) => log.warn({ changeId, ...answer }, "IAM refused a change"),
  });
  closing.add(() => iam.close());
  return measuredIam(iam, metrics.called);
}
