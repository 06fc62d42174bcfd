import { isAwsKey, type StoredKey } from "../audit/journal.ts";
import { openAwsKey } from "../authn/aws-keys.ts";
import type { EncryptionKeys } from "../authn/encryption-keys.ts";
import { storedPrincipal } from "../authn/issued-key.ts";
import type { Principal, PrincipalKind } from "../authn/principal.ts";
import { columns } from "./columns.ts";
import { type KeyCommandOptions, utc } from "./keys.ts";

export interface ListKeysOptions extends KeyCommandOptions {
  /** As configured; without them no key pair is of use. */
  readonly encryption?: Pick<EncryptionKeys, "unseal"> | undefined;
}

/** `lockkeeper keys list`: all keys and pairs that there ever were, oldest first; never a secret, nor its hash. */
export async function listKeys(
  { journal, clock, output, encryption }: ListKeysOptions,
  { json }: { json: boolean },
): Promise<void> {
  const keys = (await journal.apiKeys()).map((key) => listed(key, principalOf(key, encryption), clock.now()));
  if (json) {
    output.print(JSON.stringify(keys, undefined, 2));
  } else if (keys.length === 0) {
    output.note("There are no keys. Make one: lockkeeper keys create --principal ID --kind human|service|bot");
  } else {
    for (const line of table(keys)) output.print(line);
  }
}

/** Whom a key proves as things are configured; undefined when it proves nobody. */
function principalOf(key: StoredKey, encryption: ListKeysOptions["encryption"]): Principal | undefined {
  if (!isAwsKey(key) || key.revokedAt !== null) return storedPrincipal(key);
  const opened = encryption && openAwsKey(key, encryption);
  return opened === undefined || "fault" in opened ? undefined : opened.principal;
}

interface ListedKey {
  readonly id: string;
  readonly form: "api-key" | "aws-key";
  /** As policy data knows it. */
  readonly principal: string;
  readonly kind: PrincipalKind | null;
  readonly userName: string | null;
  readonly groups: readonly string[];
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly revokedAt: string | null;
  /** Of a key pair: the id of the key that its secret is encrypted under. */
  readonly encryptionKey: string | null;
  /** `unreadable` keys open nothing. */
  readonly state: "live" | "expired" | "revoked" | "unreadable";
}

function listed(key: StoredKey, principal: Principal | undefined, now: number): ListedKey {
  return {
    id: key.id,
    form: isAwsKey(key) ? "aws-key" : "api-key",
    principal: key.principal,
    kind: principal?.kind ?? null,
    userName: principal?.userName ?? null,
    groups: principal?.groups ?? [],
    createdAt: utc(key.createdAt),
    expiresAt: utc(key.expiresAt),
    revokedAt: key.revokedAt === null ? null : utc(key.revokedAt),
    encryptionKey: isAwsKey(key) ? key.sealedUnder : null,
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
    ["ID", "STATE", "EXPIRES", "FORM", "KIND", "PRINCIPAL", "IAM USER", "GROUPS"],
    ...keys.map(({ id, state, expiresAt, form, kind, principal, userName, groups }) => [
      id,
      state,
      expiresAt,
      form,
      kind ?? "-",
      principal,
      userName ?? "-",
      groups.join(" ") || "-",
    ]),
  ];
  return columns(rows);
}
