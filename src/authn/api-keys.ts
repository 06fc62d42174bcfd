import { hash, randomBytes } from "node:crypto";
import { z } from "zod";
import type { StoredApiKey } from "../audit/journal.ts";
import { LockkeeperError } from "../errors.ts";
import { isIamUserName } from "./iam-user-name.ts";
import { type Principal, principalKey, principalKinds } from "./principal.ts";

/** Who vouches for the principals of API keys: this gateway. Their groups are qualified with it. */
export const API_KEY_ISSUER = "lockkeeper";

const HOUR_MS = 3_600_000;
const DEFAULT_KEY_TTL_MS = 90 * 24 * HOUR_MS;
const MAX_KEY_TTL_MS = 365 * 24 * HOUR_MS;

/** Lower-case base32 (RFC 4648), so that an id can be read out; the secret is 256 bits in base64url, which may hold `_`. */
const idAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
const ID_LENGTH = 16;
const SECRET_BYTES = 32;
const format = /^lk_([a-z2-7]{16})_([A-Za-z0-9_-]{43})$/;

/** Takes `lk_<id>_<secret>` apart; undefined for anything else. */
export function parseApiKey(key: string): { readonly id: string; readonly secret: string } | undefined {
  const [, id, secret] = format.exec(key) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/**
 * SHA-256 of the secret's characters, hex. A fast hash is right here: there is nothing to guess in 256 random bits.
 * Of the characters and not of what they decode to, because several spellings decode to the same bits.
 */
function secretHash(secret: string): string {
  return hash("sha256", secret, "hex");
}

const name = /^[A-Za-z0-9][A-Za-z0-9_+=,.@:/-]{0,127}$/;
const nameRule = "Use 1 to 128 of A-Z a-z 0-9 _ + = , . @ : / - with a letter or digit first.";

/** What a principal of an API key may look like; also what is read back from the store. */
const keyPrincipal = z.strictObject({
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
  authn: z.literal("api-key"),
});

export interface NewApiKey {
  readonly principal: Principal;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Milliseconds for which the key is good: an hour to a year, 90 days by default. */
  readonly ttlMs?: number;
  readonly random?: (bytes: number) => Uint8Array;
}

export interface CreatedApiKey {
  /** The key itself. It exists here and nowhere else: whoever drops it cannot have it again. */
  readonly key: string;
  readonly stored: StoredApiKey;
}

/**
 * Makes a key. Stores nothing.
 * @throws LockkeeperError `malformed-request` with every fault of the principal and the time
 */
export function createApiKey({
  principal,
  now,
  ttlMs = DEFAULT_KEY_TTL_MS,
  random = randomBytes,
}: NewApiKey): CreatedApiKey {
  const faults = [
    ...(keyPrincipal.safeParse(principal).error?.issues ?? []).map(({ path, message }) => ({
      at: path.join("."),
      message,
    })),
    ...(ttlMs >= HOUR_MS && ttlMs <= MAX_KEY_TTL_MS ? [] : [{ at: "ttl", message: "Give it between 1h and 365d." }]),
  ];
  if (faults.length > 0) {
    const lines = faults.map(({ at, message }) => `  ${at}: ${message}`);
    throw new LockkeeperError("malformed-request", ["This key cannot be made:", ...lines].join("\n"), { faults });
  }
  const id = Array.from(random(ID_LENGTH), (byte) => idAlphabet[byte % idAlphabet.length]).join("");
  const secret = Buffer.from(random(SECRET_BYTES)).toString("base64url");
  return {
    key: `lk_${id}_${secret}`,
    stored: {
      id,
      secretHash: secretHash(secret),
      principal: principalKey(principal),
      principalJson: JSON.stringify(principal),
      createdAt: now,
      expiresAt: now + ttlMs,
      revokedAt: null,
    },
  };
}

/** The principal of a stored key; undefined when what is stored is not one, or not the one by which keys are counted. */
export function storedPrincipal({ principal, principalJson }: StoredApiKey): Principal | undefined {
  try {
    const result = keyPrincipal.safeParse(JSON.parse(principalJson));
    if (!result.success || principalKey(result.data) !== principal) return undefined;
    Object.freeze(result.data.groups);
    return Object.freeze(result.data);
  } catch {
    return undefined;
  }
}
