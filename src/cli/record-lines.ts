import { isJsonObject } from "../json-object.ts";

/** The JSON object of a record's bytes; undefined when they are none. */
export function parseRecord(entry: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(entry));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What a record says, for people, each with its name: event, time, who, what and how it ended. Whatever of it is not there,
 * or is not what records have there, is left out.
 */
export function recordLines(entry: Uint8Array): (readonly [name: string, value: string])[] {
  const record = parseRecord(entry);
  if (record === undefined) return [["record", `${entry.length} bytes, which are no record of Lockkeeper`]];
  const [resource] = Array.isArray(record["resources"]) ? record["resources"] : [];
  const lines: [string, string][] = [
    ["event", text(at(record, "metadata", "event_code"))],
    ["change", text(at(record, "metadata", "correlation_uid"))],
    ["time", utc(at(record, "time"))],
    ["who", joined(" ", at(record, "actor", "user", "type"), at(record, "actor", "user", "uid"), issuer(record))],
    ["what", joined(" to ", at(record, "api", "operation"), at(record, "api", "request", "data", "status"))],
    ["credential", joined(" ", at(resource, "type"), at(resource, "uid"), owner(resource))],
    ["outcome", joined(" ", at(record, "status"), bracketed(at(record, "status_code")))],
    ["detail", text(at(record, "status_detail"))],
    ["message", text(at(record, "message"))],
  ];
  return lines.filter(([, value]) => value !== "");
}

/** Epoch milliseconds as people read them; empty for what is no time. */
export function utc(epochMs: unknown): string {
  // The last time that a Date can hold.
  return typeof epochMs === "number" && Math.abs(epochMs) <= 8.64e15 ? new Date(epochMs).toISOString() : "";
}

function issuer(record: unknown): string {
  const name = text(at(record, "actor", "session", "issuer"));
  return name === "" ? "" : `of ${name}`;
}

function owner(resource: unknown): string {
  const name = text(at(resource, "owner", "name"));
  return name === "" ? "" : `of ${name}`;
}

function bracketed(value: unknown): string {
  return typeof value === "string" ? `(${value})` : "";
}

function joined(between: string, ...values: unknown[]): string {
  return values
    .map(text)
    .filter((value) => value !== "")
    .join(between);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** What stands in JSON at a path of names; undefined where there is nothing of that name. */
export function at(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (isJsonObject(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined),
    value,
  );
}
