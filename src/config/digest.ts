import { hash } from "node:crypto";

/**
 * SHA-256, hex, of a configuration as JSON with sorted keys: what the start record keeps, so that a change of settings
 * shows in the log. A configuration holds no secrets (keys are named as files), so neither does what is hashed.
 */
export function configDigest(config: object): string {
  return hash("sha256", JSON.stringify(config, sorted), "hex");
}

function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
