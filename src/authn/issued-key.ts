import { z } from "zod";
import { isAwsKey, type StoredKey } from "../audit/journal.ts";
import { LockkeeperError } from "../errors.ts";
import { isIamUserName } from "./iam-user-name.ts";
import { type AuthnMethod, type Principal, principalKey, principalKinds } from "./principal.ts";

/** Who vouches for the principals of issued keys: this gateway. Their groups are qualified with it. */
export const API_KEY_ISSUER = "lockkeeper";

const HOUR_MS = 3_600_000;
const DEFAULT_KEY_TTL_MS = 90 * 24 * HOUR_MS;
const MAX_KEY_TTL_MS = 365 * 24 * HOUR_MS;

const name = /^[A-Za-z0-9][A-Za-z0-9_+=,.@:/-]{0,127}$/;
const nameRule = "Use 1 to 128 of A-Z a-z 0-9 _ + = , . @ : / - with a letter or digit first.";

/** What a principal of an issued key may look like; also what is read back from the store. */
const principalWith = <M extends AuthnMethod>(authn: M) =>
  z.strictObject({
    id: z.string().regex(name, { error: nameRule }),
    issuer: z.literal(API_KEY_ISSUER),
    kind: z.enum(principalKinds, { error: `Choose one of: ${principalKinds.join(", ")}.` }),
    userName: z
      .string()
      .refine(isIamUserName, { error: "Give an IAM user name: 1 to 64 of A-Z a-z 0-9 _ + = , . @ -" })
      .exactOptional(),
    groups: z
      .array(z.templateLiteral([`${API_KEY_ISSUER}#`, z.string().regex(name)], { error: nameRule }))
      .max(64)
      .readonly(),
    authn: z.literal(authn),
  });

/** By how they prove who they are, so that a row of one form never stands for a key of the other. */
const keyPrincipals = { "api-key": principalWith("api-key"), sigv4: principalWith("sigv4") } as const;

export interface NewKey {
  readonly principal: Principal;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Milliseconds for which the key is good: an hour to a year, 90 days by default. */
  readonly ttlMs?: number | undefined;
  readonly random?: (bytes: number) => Uint8Array;
}

/**
 * The parts of a new key that do not depend on its secret.
 * @throws LockkeeperError `malformed-request` with every fault of the principal and the time
 */
export function newKeyRow(
  { principal, now, ttlMs = DEFAULT_KEY_TTL_MS }: NewKey,
  authn: keyof typeof keyPrincipals,
): Omit<StoredKey, "id"> {
  const faults = [
    ...(keyPrincipals[authn].safeParse(principal).error?.issues ?? []).map(({ path, message }) => ({
      at: path.join("."),
      message,
    })),
    ...(ttlMs >= HOUR_MS && ttlMs <= MAX_KEY_TTL_MS ? [] : [{ at: "ttl", message: "Give it between 1h and 365d." }]),
  ];
  if (faults.length > 0) {
    const lines = faults.map(({ at, message }) => `  ${at}: ${message}`);
    throw new LockkeeperError("malformed-request", ["This key cannot be made:", ...lines].join("\n"), { faults });
  }
  return {
    principal: principalKey(principal),
    principalJson: JSON.stringify(principal),
    createdAt: now,
    expiresAt: now + ttlMs,
    revokedAt: null,
  };
}

/** The principal of a stored key; undefined when what is stored is not one, or not the one by which keys are counted. */
export function storedPrincipal(key: StoredKey): Principal | undefined {
  try {
    const result = keyPrincipals[isAwsKey(key) ? "sigv4" : "api-key"].safeParse(JSON.parse(key.principalJson));
    if (!result.success || principalKey(result.data) !== key.principal) return undefined;
    Object.freeze(result.data.groups);
    return Object.freeze(result.data);
  } catch {
    return undefined;
  }
}
