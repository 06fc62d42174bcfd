import { z } from "zod";
import { principalKinds } from "../authn/principal.ts";
import { milliseconds, region, url } from "./values.ts";

/** The request that callers sign is `POST /`, wherever STS is. */
function isOrigin(text: string): boolean {
  const parsed = URL.parse(text);
  return parsed !== null && parsed.pathname === "/" && parsed.search === "" && !text.endsWith("?");
}

/** What AWS callers have to sign, and who of them is let in. */
export const stsSchema = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe("Whether signed `GetCallerIdentity` requests are accepted, see docs/aws-callers.md."),
    endpoint: url
      .refine(isOrigin, { error: "Give scheme and host alone, such as https://sts.eu-central-1.amazonaws.com." })
      .describe(
        "The STS that is asked who has signed, and for whose host callers sign. Pinned here: no caller and no environment variable of the SDK can redirect it.",
      ),
    region: region.describe("Region for which callers sign: that of `authn.sts.endpoint`."),
    serverId: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/, {
        error: "Give a name without blanks, such as lockkeeper.example.com.",
      })
      .describe(
        "The name of this gateway, which callers sign as `x-lockkeeper-server-id`. Give each gateway another: what was signed for one is of no use at the next.",
      ),
    accounts: z
      .array(
        z.string().regex(/^[0-9]{12}$/, { error: 'Give an AWS account\'s twelve digits, in quotes: "123456789012".' }),
      )
      .min(1)
      .max(256)
      .describe("AWS accounts whose IAM users and roles are let in. What each of them may do is policy's business."),
    userKind: z.enum(principalKinds).default("human").describe("What IAM users are to policy. Roles are services."),
    trustUserNames: z
      .boolean()
      .default(false)
      .describe("Whether an IAM user of `iam.account` counts as the owner of that user's credentials."),
    timeoutMs: milliseconds(100, 3_000, "Time for a question to STS", 30_000),
  })
  .optional();
