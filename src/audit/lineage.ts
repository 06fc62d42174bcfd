import { ED25519, parseSigner, parseVerifierKey, verifierKey } from "../tlog/note.ts";
import { LogFault, whatToDo } from "./head.ts";
import { type LogIdentity, type LogKeys, logIdentity } from "./log-keys.ts";

/** Which of the logs that followed one another an origin names: 0 is the first, n the one that recovery n opened. */
export interface Lineage {
  /** The origin as it is configured. */
  readonly base: string;
  readonly recovery: number;
}

const RECOVERED = /^(.+)\/recovered-([1-9][0-9]{0,5})$/;

/** `example.org/log/recovered-2` is the second recovery of `example.org/log`. */
export function lineageOf(origin: string): Lineage {
  const [, base, recovery] = RECOVERED.exec(origin) ?? [];
  return base === undefined ? { base: origin, recovery: 0 } : { base, recovery: Number(recovery) };
}

/** The origin of the log that a recovery opens; the configured one for none. */
export function originAfter(base: string, recovery: number): string {
  return recovery === 0 ? base : `${base}/recovered-${recovery}`;
}

/**
 * The configured keys under the origin that a store works with. A log that was opened by `lockkeeper audit recover` is
 * another log, so its keys have another name and another id (c2sp.org/signed-note), though the key material is the same.
 * @param keys as configured: of the first log
 * @param origin the store's own
 * @returns undefined when that origin is no log of the configured lineage
 */
export function keysUnder<K extends Pick<LogKeys, "origin" | "trustedKeys"> & Partial<LogKeys>>(
  keys: K,
  origin: string,
): K | undefined {
  if (origin === keys.origin) return keys;
  if (lineageOf(origin).base !== keys.origin) return undefined;
  return {
    ...keys,
    origin,
    trustedKeys: keys.trustedKeys.map((vkey) => verifierUnder(vkey, keys.origin, origin)),
    ...(keys.signingKey !== undefined && { signingKey: signerUnder(keys.signingKey, origin) }),
  };
}

/**
 * The identity of the log that a store holds.
 * @param origin the store's own
 * @throws Error when it is no log of the configured lineage
 */
export function identityUnder(keys: LogKeys, origin: string): LogIdentity {
  const own = keysUnder(keys, origin);
  if (own !== undefined) return logIdentity(own);
  throw new Error(
    `it is the log ${origin}, and this Lockkeeper is to write the log ${keys.origin}. A log keeps its name: set audit.origin to ${lineageOf(origin).base}, or give the other log a place of its own (dataDir, or postgres.schema)`,
  );
}

/**
 * A recovery puts its record into the log that it opens before anybody else sees that log.
 * @param keys as configured: of the first log
 * @throws LogFault when a log that a recovery has opened has no first record
 */
export function assertBegun({ origin }: Pick<LogIdentity, "origin">, keys: LogKeys, hasFirst: boolean): void {
  if (hasFirst || origin === keys.origin) return;
  throw new LogFault(
    `it was emptied: it is the log ${origin}, and the record of the recovery with which that begins is missing. ${whatToDo}`,
  );
}

/** A key of another name than the log's is left as it is. */
function verifierUnder(vkey: string, from: string, to: string): string {
  const { name, material } = parseVerifierKey(vkey, ED25519);
  return name === from ? verifierKey(to, ED25519, material) : vkey;
}

/** `PRIVATE+KEY+<name>+<key id>+<base64>`; the base64 has plus signs of its own. */
function signerUnder(skey: string, to: string): string {
  const { name, verifier } = parseSigner(skey);
  const [, id] = verifierUnder(verifier, name, to).split("+");
  return `PRIVATE+KEY+${to}+${id}+${skey.split("+").slice(4).join("+")}`;
}
