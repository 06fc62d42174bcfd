import { z } from "zod";
import { isIamUserName } from "../authn/iam-user-name.ts";
import { auditSchema, postgresSchema } from "./audit-schema.ts";
import { issuerSchema } from "./issuer-schema.ts";
import { policySchema } from "./policy-schema.ts";
import { stsSchema } from "./sts-schema.ts";
import { milliseconds, perMinute, proxyRange, region, text, url } from "./values.ts";

/**
 * The settings of Lockkeeper, their limits and defaults. Unknown keys are refused everywhere. The descriptions are the
 * text of docs/configuration.md, which a test holds to this file; sentences say what to do.
 */

/** While a change is within its deadline, no other of the same credential is made: not even to switch it off. */
const LONGEST_CALL_MS = 60_000;

export const configSchema = z.strictObject({
  listen: z
    .strictObject({
      host: z
        .string()
        .min(1)
        .max(255)
        .regex(/^[A-Za-z0-9.:_-]+$/, { error: "Give an IP address or a host name, without brackets and port." })
        .default("127.0.0.1")
        .describe("Address to listen on. Anything but loopback needs `tls` or `trustedProxies`."),
      port: z.int().min(0).max(65_535).default(8080).describe("Port to listen on; 0 takes a free one."),
    })
    .prefault({}),
  tls: z
    .strictObject({
      certFile: text.describe("Certificate chain, PEM."),
      keyFile: text.describe("Private key, PEM. Only the file is named, so no secret is in the configuration."),
    })
    .optional(),
  trustedProxies: z
    .array(proxyRange)
    .max(256)
    .default([])
    .describe(
      "Addresses or ranges of the proxies whose `X-Forwarded-For` counts. Without `tls`, nobody else is answered.",
    ),
  dataDir: text
    .default("data")
    .describe(
      "Folder for the audit log and what else must survive a restart. It belongs to the account that used it first.",
    ),
  log: z
    .strictObject({
      level: z
        .enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"])
        .default("info")
        .describe("Least level that is logged."),
      format: z
        .enum(["auto", "json", "pretty"])
        .default("auto")
        .describe("`auto`: readable lines on a terminal, JSON elsewhere."),
    })
    .prefault({}),
  iam: z.strictObject({
    account: z
      .string({ error: 'Set it to the AWS account\'s twelve digits, in quotes: "123456789012".' })
      .regex(/^[0-9]{12}$/, { error: 'Set it to the AWS account\'s twelve digits, in quotes: "123456789012".' })
      .describe("The AWS account, twelve digits in quotes. Checked against GetCallerIdentity at start."),
    region: region
      .default("us-east-1")
      .describe(
        "Region for which requests to IAM are signed: `us-east-1`, in China `cn-north-1`, in GovCloud `us-gov-west-1`.",
      ),
    endpoint: url
      .optional()
      .describe(
        "IAM's URL, where it is not the one that AWS documents for the region. The AWS SDK's environment variables never count.",
      ),
    stsEndpoint: url.optional().describe("The same for STS."),
    ownUserName: z
      .string()
      .refine(isIamUserName, { error: "Give an IAM user name: 1 to 64 of A-Z a-z 0-9 _ + = , . @ -" })
      .optional()
      .describe(
        "The IAM user as which Lockkeeper itself calls AWS, if it is a user and not a role: nobody changes its credentials.",
      ),
    deadlineMs: milliseconds(100, 5_000, "Time for a change at IAM, retries and read-back included", LONGEST_CALL_MS),
    readDeadlineMs: milliseconds(100, 5_000, "Time for a look-up at IAM", LONGEST_CALL_MS),
  }),
  policy: policySchema,
  audit: auditSchema,
  postgres: postgresSchema,
  reconcile: z
    .strictObject({
      intervalMs: milliseconds(100, 10_000, "Pause between two searches for changes whose end is not known"),
      graceMs: milliseconds(
        0,
        30_000,
        "Wait after a change's deadline and `iam.deadlineMs` before its credential is read back; more than the clocks of instances that share a log can differ",
      ),
      giveUpMs: milliseconds(
        1_000,
        900_000,
        "Time after which a change that cannot be settled is recorded as unresolved",
      ),
    })
    .prefault({}),
  authn: z
    .strictObject({
      apiKeys: z
        .strictObject({
          enabled: z.boolean().default(true).describe("Whether keys of `lockkeeper keys create` are accepted."),
        })
        .prefault({}),
      awsKeys: z
        .strictObject({
          enabled: z
            .boolean()
            .default(true)
            .describe("Whether key pairs of `lockkeeper keys create --aws` are accepted."),
          encryptionKeyFile: text.describe(
            "The key under which their secrets are stored, as `lockkeeper keys encryption-key` makes it. Keep it apart from copies of the database.",
          ),
          formerEncryptionKeyFiles: z
            .array(text)
            .max(8)
            .default([])
            .describe(
              "Keys before it, until `lockkeeper keys rotate-encryption` has run. That is not enough for one that has leaked, see docs/audit-maintenance.md.",
            ),
        })
        .optional(),
      sts: stsSchema,
      issuers: z.array(issuerSchema).max(32).default([]).describe("OIDC issuers whose access tokens are accepted."),
    })
    .prefault({}),
  limits: z
    .strictObject({
      changes: perMinute(60, "Changes that one principal may ask for in a minute."),
      reads: perMinute(
        300,
        "Look-ups that one principal may make in a minute; and looks at the log's public tree from one address (IPv6: /64).",
      ),
      whatIfs: perMinute(120, "Questions to policy that one principal may ask in a minute."),
      failedAuthentications: perMinute(
        30,
        "Failed authentications from one address (IPv6: /64) in a minute; those beyond answer 429. Valid callers are never counted here.",
      ),
    })
    .prefault({}),
  idempotency: z
    .strictObject({
      ttlHours: z.int().min(1).max(168).default(24).describe("How long an Idempotency-Key is remembered, in hours."),
    })
    .prefault({}),
  shutdown: z
    .strictObject({
      announceMs: milliseconds(
        0,
        0,
        "Time after SIGTERM for which `/readyz` answers 503 while requests are still taken: as long as your load balancers need to see it",
        600_000,
      ),
      graceMs: milliseconds(
        0,
        15_000,
        "Time that running requests get to finish after it; at least `iam.deadlineMs` and `audit.deadlineMs` together",
      ),
    })
    .prefault({}),
});

export type Settings = z.output<typeof configSchema>;
