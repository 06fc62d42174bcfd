import { isAwsKey, type Journal, type StoredKey } from "../audit/journal.ts";
import { awsKeyRecord, keyRecord } from "../audit/key-record.ts";
import { createApiKey } from "../authn/api-keys.ts";
import { API_KEY_ISSUER, type NewKey, storedPrincipal } from "../authn/issued-key.ts";
import { type AuthnMethod, type Principal, type PrincipalKind, principalKinds } from "../authn/principal.ts";
import type { Clock } from "../clock.ts";
import { LockkeeperError } from "../errors.ts";

/** Where a command writes. */
export interface Output {
  /** What a script would take: standard output. */
  print(line: string): void;
  /** What is for people only: standard error. */
  note(line: string): void;
}

export interface KeyCommandOptions {
  readonly journal: Pick<Journal, "addApiKey" | "revokeApiKey" | "apiKeys">;
  readonly clock: Pick<Clock, "now">;
  readonly output: Output;
}

/** The options of `keys create` as they were typed. */
export interface CreateKeyArguments {
  readonly principal: string;
  readonly kind: string;
  readonly userName?: string | undefined;
  readonly group?: readonly string[] | undefined;
  /** `90d` or `12h`. */
  readonly ttl?: string | undefined;
}

/**
 * `lockkeeper keys create`: makes a key, stores its hash and the record of it in one transaction, and shows it once.
 * @throws LockkeeperError with a sentence for the terminal
 */
export async function createKey(options: KeyCommandOptions, typed: CreateKeyArguments): Promise<void> {
  const { journal, clock, output } = options;
  const asked = newKey(typed, "api-key", clock.now());
  const { key, stored } = createApiKey(asked);
  const { principal, now } = asked;
  const record = keyRecord("created", { id: stored.id, principal, expiresAt: stored.expiresAt }, now);
  if ((await journal.addApiKey(stored, record, now)) === "too-many") throw tooMany(principal, "keys");
  output.note(`Key ${stored.id} for ${stored.principal} (${principal.kind}), good until ${utc(stored.expiresAt)}:`);
  output.note("");
  output.print(key);
  output.note("");
  output.note("Keep it now: it is shown this once, and only its hash is stored. It works within about a second.");
  sayWhoItIs(output, principal, stored);
}

/**
 * What was typed, as a key's principal and time.
 * @throws LockkeeperError `malformed-request`
 */
export function newKey(
  { principal: id, kind, userName, group = [], ttl }: CreateKeyArguments,
  authn: AuthnMethod,
  now: number,
): NewKey {
  const principal: Principal = {
    id,
    issuer: API_KEY_ISSUER,
    kind: principalKind(kind),
    ...(userName !== undefined && { userName }),
    groups: group.map((name) => `${API_KEY_ISSUER}#${name}`),
    authn,
  };
  return { principal, now, ttlMs: ttl === undefined ? undefined : duration(ttl) };
}

export function tooMany({ id }: Principal, what: "keys" | "key pairs"): LockkeeperError {
  return new LockkeeperError(
    "malformed-request",
    `${id} has two live ${what} already, which is enough to change from one to the other. Revoke one first: lockkeeper keys list, lockkeeper keys revoke ID.`,
  );
}

export function sayWhoItIs({ note }: Output, { groups }: Principal, { principal }: StoredKey): void {
  note(`In policy data its principal is "${principal}".`);
  for (const name of groups) note(`In policy data one of its groups is "${name}".`);
}

/**
 * `lockkeeper keys revoke ID`: the running service refuses the key within about a second.
 * @throws LockkeeperError with a sentence for the terminal when there is no such live key
 */
export async function revokeKey({ journal, clock, output }: KeyCommandOptions, id: string): Promise<void> {
  const now = clock.now();
  const key = (await journal.apiKeys()).find((stored) => stored.id === id);
  if (key === undefined) {
    throw new LockkeeperError(
      "not-found",
      "There is no key with this id. lockkeeper keys list shows them all; an id is the part between lk_ and the next _, or the access key id of a pair.",
    );
  }
  // What cannot be read opens nothing, but it can be revoked all the same.
  const principal = storedPrincipal(key) ?? { id: key.principal, issuer: API_KEY_ISSUER, kind: "service" };
  const record = (isAwsKey(key) ? awsKeyRecord : keyRecord)(
    "revoked",
    { id, principal, expiresAt: key.expiresAt },
    now,
  );
  if (!(await journal.revokeApiKey(id, now, record))) {
    throw new LockkeeperError("not-found", `Key ${id} has been revoked already.`);
  }
  output.note(`Key ${id} of ${key.principal} is revoked. The running service refuses it within about a second.`);
}

function principalKind(text: string): PrincipalKind {
  const kind = principalKinds.find((name) => name === text);
  if (kind === undefined)
    throw new LockkeeperError("malformed-request", `--kind: Choose one of: ${principalKinds.join(", ")}.`);
  return kind;
}

const unitsMs: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000 };

/** `90d` or `12h` in milliseconds. */
function duration(text: string): number {
  const [, amount, unit] = /^(\d{1,5})([dh])$/.exec(text) ?? [];
  const unitMs = unitsMs[unit ?? ""];
  if (unitMs === undefined)
    throw new LockkeeperError("malformed-request", "--ttl: Write it in days or hours: 90d, 12h.");
  return Number(amount) * unitMs;
}

export function utc(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d{3}Z$/, "Z");
}
