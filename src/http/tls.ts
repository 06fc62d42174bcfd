import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { LockkeeperError } from "../errors.ts";

/**
 * Reads the certificate and its key, and sees whether they can be used.
 * @throws LockkeeperError `configuration`, which names the files and never what is in them
 */
export function readTls({ certFile, keyFile }: { readonly certFile: string; readonly keyFile: string }): {
  readonly cert: Buffer;
  readonly key: Buffer;
} {
  try {
    const pem = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
    createSecureContext(pem);
    return pem;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LockkeeperError(
      "configuration",
      `tls.certFile (${certFile}) and tls.keyFile (${keyFile}) must be a certificate in PEM and its unencrypted private key: ${why}.`,
      {},
      { cause },
    );
  }
}
