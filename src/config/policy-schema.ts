import { z } from "zod";
import { signatureAlgorithms } from "../policy/signing/key.ts";
import { milliseconds, text, timeZone, url } from "./values.ts";

export const policySchema = z
  .strictObject({
    bundle: text
      .optional()
      .describe(
        "Compiled policy bundle: a file, or a folder that it was unpacked to. By default the one built from `policies/`.",
      ),
    url: url
      .optional()
      .describe("Bundle service (OPA's Bundle Service API) that bundles come from, in place of a file."),
    tokenFile: text.optional().describe("File with the bearer token for `policy.url`."),
    longPollSeconds: z
      .int()
      .min(0)
      .max(240)
      .default(0)
      .describe("Seconds for which the bundle service is asked to wait for a newer bundle; 0: not at all."),
    deadlineMs: milliseconds(100, 10_000, "Time for a download, beside what the service may wait", 600_000),
    maxBytes: z
      .int()
      .min(1_024)
      .max(64 * 1_024 * 1_024)
      .default(16 * 1_024 * 1_024)
      .describe("Largest bundle that is downloaded, in bytes."),
    pollMs: milliseconds(100, 2_000, "Pause between two looks for a newer bundle or newer data"),
    maxAgeHours: z
      .int()
      .min(1)
      .max(8_760)
      .optional()
      .describe(
        "Hours after which policies that their source has not confirmed as its newest deny everything. By default they decide on.",
      ),
    allowRollbackTo: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .describe(
        "Revision of a bundle that is accepted although a newer one was in force. Remove it when a newer one is.",
      ),
    verification: z
      .strictObject({
        keyFile: text.describe(
          "Public key (PEM) that bundles must be signed with; for `HS*`, the secret. With it an unsigned bundle never loads.",
        ),
        algorithm: z.enum(signatureAlgorithms).describe("Algorithm that they must be signed with."),
        keyId: text.optional().describe("The key's id. A signature that names its key must name this one."),
        scope: text.optional().describe("What signatures must say that they are for."),
      })
      .optional(),
    dataFile: text
      .optional()
      .describe(
        "Required: JSON with the site's data, who has which role. Start from `policies/data.json`, which grants nobody anything.",
      ),
    timeZone: timeZone.default("UTC").describe("IANA time zone in which policy sees the hour and the weekday."),
  })
  .prefault({});
