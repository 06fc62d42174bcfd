import type { StoredKey } from "./journal.ts";
import { numberOrNull, type SqlRow, textOrNull } from "./sql.ts";

/** A row of `api_keys`, in which a key pair is what has an encrypted secret. Schemas before version 3 knew no pairs. */
export function storedKey(row: SqlRow): StoredKey {
  const common = {
    id: String(row["id"]),
    principal: String(row["principal"]),
    principalJson: String(row["principal_json"]),
    createdAt: Number(row["created_at"]),
    expiresAt: Number(row["expires_at"]),
    revokedAt: numberOrNull(row["revoked_at"]),
  };
  const sealedSecret = textOrNull(row["sealed_secret"]);
  if (sealedSecret === null) return { ...common, secretHash: String(row["secret_hash"]) };
  return { ...common, sealedSecret, sealedUnder: String(row["sealed_under"]) };
}
