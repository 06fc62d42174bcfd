import { isAwsKey, type Journal } from "../audit/journal.ts";
import { awsKeyRecord } from "../audit/key-record.ts";
import { createAwsKey, resealAwsKey } from "../authn/aws-keys.ts";
import { createEncryptionKey, type EncryptionKeys } from "../authn/encryption-keys.ts";
import { LockkeeperError } from "../errors.ts";
import {
  type CreateKeyArguments,
  type KeyCommandOptions,
  newKey,
  type Output,
  sayWhoItIs,
  tooMany,
  utc,
} from "./keys.ts";

export interface AwsKeyCommandOptions extends KeyCommandOptions {
  readonly journal: Pick<Journal, "addApiKey" | "revokeApiKey" | "apiKeys" | "resealAwsKey">;
  /** As configured. */
  readonly encryption?: EncryptionKeys | undefined;
}

/**
 * `lockkeeper keys create --aws`: makes a key pair for AWS clients, stores it encrypted with the record of it in one
 * transaction, and shows it once, as the variables that those clients read.
 * @throws LockkeeperError with a sentence for the terminal
 */
export async function createKeyPair(options: AwsKeyCommandOptions, typed: CreateKeyArguments): Promise<void> {
  const { journal, clock, output } = options;
  const asked = newKey(typed, "sigv4", clock.now());
  const { accessKeyId, secretAccessKey, stored } = createAwsKey(asked, configured(options));
  const { principal, now } = asked;
  const { expiresAt, sealedUnder } = stored;
  const record = awsKeyRecord("created", { id: accessKeyId, principal, expiresAt, sealedUnder }, now);
  if ((await journal.addApiKey(stored, record, now)) === "too-many") throw tooMany(principal, "key pairs");
  output.note(`Key pair for ${stored.principal} (${principal.kind}), good until ${utc(expiresAt)}:`);
  output.note("");
  output.print(`AWS_ACCESS_KEY_ID=${accessKeyId}`);
  output.print(`AWS_SECRET_ACCESS_KEY=${secretAccessKey}`);
  output.note("");
  output.note("Keep it now: the secret is shown this once, and stored encrypted. It works within about a second.");
  output.note("It opens Lockkeeper's AWS door and nothing else: AWS itself does not know it.");
  sayWhoItIs(output, principal, stored);
}

/**
 * `lockkeeper keys encryption-key FILE`: makes a key under which secrets of key pairs are encrypted, and prints its id.
 * @throws LockkeeperError with a sentence for the terminal; a file that is there is never replaced
 */
export function makeEncryptionKey(output: Output, file: string): void {
  const id = createEncryptionKey(file);
  if (id === undefined) {
    throw new LockkeeperError(
      "configuration",
      `${file} is there already, and is not replaced: key pairs that are encrypted under its key could not be used any more. Name another file.`,
    );
  }
  output.note(`The key is in ${file}, for its owner's eyes only. Keep a copy where the database's copies are not:`);
  output.note("with both, the secrets of all key pairs are open; without it, every key pair has to be made anew.");
  output.note("In the configuration:");
  output.note("");
  output.note("  authn:");
  output.note("    awsKeys:");
  output.note(`      encryptionKeyFile: ${file}`);
  output.note("");
  output.note("If it follows another one, name that in formerEncryptionKeyFiles, restart every gateway, and run");
  output.note("lockkeeper keys rotate-encryption. If that one has leaked, this is not enough:");
  output.note("the secrets stay the same, so revoke its key pairs and make new ones. The key's id:");
  output.print(id);
}

/**
 * `lockkeeper keys rotate-encryption`: encrypts the secrets of all key pairs under the first of the configured keys, each
 * with a record, so that former ones can be dropped. The secrets stay the same, so it does not help against a key that
 * has leaked. What is interrupted can be run again.
 * @throws LockkeeperError with a sentence for the terminal, when some could not be; the others are done then
 */
export async function rotateEncryption(options: AwsKeyCommandOptions): Promise<void> {
  const { journal, clock, output } = options;
  const encryption = configured(options);
  const faults: string[] = [];
  let done = 0;
  for (const pair of (await journal.apiKeys()).filter(isAwsKey)) {
    if (pair.revokedAt !== null || pair.sealedUnder === encryption.id) continue;
    const again = resealAwsKey(pair, encryption);
    if ("fault" in again) {
      faults.push(`  ${pair.id}: ${again.fault}`);
      continue;
    }
    const { principal, resealed } = again;
    const { sealedUnder } = resealed;
    const record = awsKeyRecord(
      "resealed",
      { id: pair.id, principal, expiresAt: pair.expiresAt, sealedUnder },
      clock.now(),
    );
    // A pair that was revoked meanwhile has no secret any more, and needs none.
    if (await journal.resealAwsKey(resealed, record)) done += 1;
  }
  output.note(`Encrypted anew under ${encryption.id}: ${done} key ${done === 1 ? "pair" : "pairs"}.`);
  if (faults.length > 0) {
    const lines = ["These could not be decrypted. Configure the key that is missing, or revoke them:", ...faults];
    throw new LockkeeperError("configuration", lines.join("\n"));
  }
  output.note(
    "None is encrypted under another key now: authn.awsKeys.formerEncryptionKeyFiles can go, and their keys too.",
  );
  output.note(
    "The secrets are the same as before. If a former key has leaked, this does not help: whoever also has a copy",
  );
  output.note("of the database knows them. Revoke its key pairs (lockkeeper keys revoke ID), and make new ones");
  output.note("(lockkeeper keys create --aws).");
}

function configured({ encryption }: AwsKeyCommandOptions): EncryptionKeys {
  if (encryption !== undefined) return encryption;
  throw new LockkeeperError(
    "configuration",
    "Key pairs are stored encrypted, and no key for that is configured: make one with lockkeeper keys encryption-key FILE, and name its file in authn.awsKeys.encryptionKeyFile.",
  );
}
