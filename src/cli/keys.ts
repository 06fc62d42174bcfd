import { keyRecord } from "../audit/admin-record.ts";
import type { Journal, StoredApiKey } from "../audit/journal.ts";
import { API_KEY_ISSUER, createApiKey, storedPrincipal } from "../authn/api-keys.ts";
import { type Principal, type PrincipalKind, principalKinds } from "../authn/principal.ts";
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
export async function createKey(
  { journal, clock, output }: KeyCommandOptions,
  { principal: id, kind, userName, group = [], ttl }: CreateKeyArguments,
): Promise<void> {
  const principal: Principal = {
    id,
    issuer: API_KEY_ISSUER,
    kind: principalKind(kind),
    ...(userName !== undefined && { userName }),
    groups: group.map((name) => `${API_KEY_ISSUER}#${name}`),
    authn: "api-key",
  };
  const now = clock.now();
  const { key, stored } = createApiKey({ principal, now, ...(ttl !== undefined && { ttlMs: duration(ttl) }) });
  const record = keyRecord("created", { id: stored.id, principal, expiresAt: stored.expiresAt }, now);
  if ((await journal.addApiKey(stored, record, now)) === "too-many") {
    throw new LockkeeperError(
      "malformed-request",
      `${id} has two live keys already, which is enough to change from one to the other. Revoke one first: lockkeeper keys list, lockkeeper keys revoke ID.`,
    );
  }
  output.note(`Key ${stored.id} for ${stored.principal} (${kind}), good until ${utc(stored.expiresAt)}:`);
  output.note("");
  output.print(key);
  output.note("");
  output.note("Keep it now: it is shown this once, and only its hash is stored. It works within about a second.");
  output.note(`In policy data its principal is "${stored.principal}".`);
  for (const name of principal.groups) output.note(`In policy data one of its groups is "${name}".`);
}

/** `lockkeeper keys list`: all keys that there ever were, oldest first; never a secret, nor its hash. */
export async function listKeys(
  { journal, clock, output }: KeyCommandOptions,
  { json }: { json: boolean },
): Promise<void> {
  const keys = (await journal.apiKeys()).map((key) => listed(key, clock.now()));
  if (json) {
    output.print(JSON.stringify(keys, undefined, 2));
  } else if (keys.length === 0) {
    output.note("There are no keys. Make one: lockkeeper keys create --principal ID --kind human|service|bot");
  } else {
    for (const line of table(keys)) output.print(line);
  }
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
      "There is no key with this id. lockkeeper keys list shows them all; an id is the part between lk_ and the next _.",
    );
  }
  // What cannot be read opens nothing, but it can be revoked all the same.
  const principal = storedPrincipal(key) ?? { id: key.principal, issuer: API_KEY_ISSUER, kind: "service" };
  const record = keyRecord("revoked", { id, principal, expiresAt: key.expiresAt }, now);
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

interface ListedKey {
  readonly id: string;
  /** As policy data knows it. */
  readonly principal: string;
  readonly kind: PrincipalKind | null;
  readonly userName: string | null;
  readonly groups: readonly string[];
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly revokedAt: string | null;
  /** `unreadable` keys open nothing. */
  readonly state: "live" | "expired" | "revoked" | "unreadable";
}

function listed(key: StoredApiKey, now: number): ListedKey {
  const principal = storedPrincipal(key);
  return {
    id: key.id,
    principal: key.principal,
    kind: principal?.kind ?? null,
    userName: principal?.userName ?? null,
    groups: principal?.groups ?? [],
    createdAt: utc(key.createdAt),
    expiresAt: utc(key.expiresAt),
    revokedAt: key.revokedAt === null ? null : utc(key.revokedAt),
    state:
      key.revokedAt !== null
        ? "revoked"
        : principal === undefined
          ? "unreadable"
          : key.expiresAt <= now
            ? "expired"
            : "live",
  };
}

function table(keys: readonly ListedKey[]): string[] {
  const rows = [
    ["ID", "STATE", "EXPIRES", "KIND", "PRINCIPAL", "IAM USER", "GROUPS"],
    ...keys.map(({ id, state, expiresAt, kind, principal, userName, groups }) => [
      id,
      state,
      expiresAt,
      kind ?? "-",
      principal,
      userName ?? "-",
      groups.join(" ") || "-",
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function utc(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d{3}Z$/, "Z");
}
