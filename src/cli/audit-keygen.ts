import { createSigningKey, readSigningKey } from "../audit/signing-key.ts";
import { LockkeeperError } from "../errors.ts";
import { parseSigner } from "../tlog/note.ts";
import type { Output } from "./keys.ts";

/**
 * `lockkeeper audit keygen`: makes the key that signs a log, keeps it in a new file, and prints its public key.
 * @throws LockkeeperError with a sentence for the terminal; a file that is there is never replaced
 */
export function auditKeygen(output: Output, { origin, out }: { readonly origin: string; readonly out: string }): void {
  const verifier = createSigningKey(out, origin);
  if (verifier === undefined) {
    throw new LockkeeperError(
      "configuration",
      `${out} is there already, and is not replaced: heads that its key signed could not be checked any more. Name another file; lockkeeper audit key ${out} prints the public key of that one.`,
    );
  }
  output.note(`The key is in ${out}, for its owner's eyes only. Whoever has it can sign a false log.`);
  output.note("In the configuration:");
  output.note("");
  output.note("  audit:");
  output.note(`    origin: ${origin}`);
  output.note(`    signingKeyFile: ${out}`);
  output.note("");
  output.note("If it follows another key of this log, add the old one's public key to audit.formerKeys.");
  output.note("The public key, with which anybody can check the log and its receipts; keep it elsewhere too:");
  output.print(verifier);
}

/**
 * `lockkeeper audit key FILE`: the public key of a signing key.
 * @throws LockkeeperError with a sentence for the terminal
 */
export function auditKey(output: Output, file: string): void {
  output.print(parseSigner(readSigningKey(file)).verifier);
}
