import { z } from "zod";
import { milliseconds, text, url } from "./values.ts";

/** The name of a log or of a key that signs for it: c2sp.org/signed-note allows neither blanks nor a plus. */
const keyName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,200}$/, {
    error: "Give a name like a URL without its scheme: example.com/lockkeeper.",
  })
  .optional();

/** Verifier key of c2sp.org/signed-note. @param error says where such a key comes from */
const verifierKey = (error: string) =>
  z.string().regex(/^[^\s+]{1,255}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44,2000}={0,2}$/, { error });

/** Where the newest checkpoint goes, so that a log which was cut or exchanged is recognised. */
const outsideSchema = z
  .strictObject({
    file: text.optional().describe("A file that the newest checkpoint is written to: on another disk or host."),
    url: url.optional().describe("An HTTPS endpoint that takes the newest checkpoint by PUT and gives it back by GET."),
    tokenFile: text.optional().describe("File with the bearer token for `audit.outside.url`."),
    witness: z
      .strictObject({
        url: url.describe("Submission prefix of a C2SP witness (c2sp.org/tlog-witness)."),
        publicKey: verifierKey(
          "Give the witness's public key, which its operator publishes: name+1234abcd+base64. It is not the log's own.",
        ).describe("The witness's public key, from its operator; its cosignatures are checked with it."),
      })
      .optional(),
    intervalMs: milliseconds(100, 1_000, "Pause between two looks for a newer checkpoint to send"),
    alertAfterMs: milliseconds(1_000, 300_000, "Time after which a checkpoint that could not be sent is an alert"),
  })
  .prefault({});

export const auditSchema = z
  .strictObject({
    deadlineMs: milliseconds(50, 2_000, "Time within which a record must be on disk; after it nothing is sent to IAM"),
    maxQueue: z
      .int()
      .min(16)
      .max(1_000_000)
      .default(2_048)
      .describe("Records that may wait for the disk; when it is full, changes answer 503."),
    origin: keyName.describe(
      "The log's name, first line of its checkpoints. By default `lockkeeper/` and the account. It cannot be changed later.",
    ),
    signingKeyFile: text
      .optional()
      .describe(
        "Required: the key that signs the log's heads, as `lockkeeper audit keygen` makes it. Keep a copy of its public key elsewhere.",
      ),
    formerKeys: z
      .array(verifierKey("Give a public key as `lockkeeper audit keygen` prints it: name+1234abcd+base64."))
      .max(32)
      .default([])
      .describe("Public keys that signed the log before the present one: heads under them are still believed."),
    outside: outsideSchema,
  })
  .prefault({});

/** Where the log is when one machine is not enough. */
export const postgresSchema = z
  .strictObject({
    url: z
      .string()
      .refine(isPasswordless, {
        error: "Give postgres://user@host:5432/database, without a password: that is in postgres.passwordFile.",
      })
      .describe(
        "`postgres://user@host:5432/database` of a PostgreSQL 15 or newer. With it the log is there, and several gateways may share it.",
      ),
    passwordFile: text.optional().describe("File with the password."),
    schema: z
      .string()
      .regex(/^[a-z_][a-z0-9_]{0,40}$/, { error: "Give a lower-case name of letters, digits and underscores." })
      .default("lockkeeper")
      .describe("Schema that holds the log's tables."),
    caFile: text
      .optional()
      .describe(
        "Certificates (PEM) under which the server's is believed; then TLS is required and its name is checked.",
      ),
  })
  .optional();

function isPasswordless(value: string): boolean {
  const url = URL.parse(value);
  if (url === null || url.password !== "" || url.searchParams.has("password")) return false;
  return url.protocol === "postgres:" || url.protocol === "postgresql:";
}
