import { statSync } from "node:fs";
import { openExport } from "../audit/export/reader.ts";
import { keysUnder, lineageOf } from "../audit/lineage.ts";
import type { LogReader } from "../audit/log-reader.ts";
import { databaseFile } from "../audit/open-store.ts";
import { openSqliteReader } from "../audit/sqlite/reader.ts";
import { type Config, loadConfig } from "../config.ts";
import { LockkeeperError } from "../errors.ts";
import { configuredKeys } from "../open-log.ts";
import { NoteError, parseVerifier } from "../tlog/note.ts";
import { readText } from "./read-file.ts";

/** Which log a command reads, as it was typed. */
export interface LogSource {
  /** A database file, a data folder, or an export; by default the log that the configuration names. */
  readonly where?: string | undefined;
  /** YAML file of the configuration. */
  readonly config?: string | undefined;
}

/**
 * Opens a log to read it.
 * @throws LockkeeperError `audit-unreadable`, or `configuration`
 */
export async function openLogSource({ where, config }: LogSource): Promise<LogReader> {
  if (where === undefined) return openConfiguredLog(loadConfig({ file: config }));
  const stat = statSync(where, { throwIfNoEntry: false });
  if (stat?.isDirectory() !== true) return openSqliteReader(where);
  const database = databaseFile(where);
  return statSync(database, { throwIfNoEntry: false }) === undefined ? openExport(where) : openSqliteReader(database);
}

/**
 * Opens the log of a configuration to read it.
 * @throws LockkeeperError `audit-unreadable`
 */
export async function openConfiguredLog({ dataDir, postgres }: Config): Promise<LogReader> {
  if (postgres === undefined) return openSqliteReader(databaseFile(dataDir));
  // Whoever has no PostgreSQL does not wait for what speaks with it.
  const { openPostgresReader } = await import("../audit/postgres/reader.ts");
  return openPostgresReader(postgres);
}

/** Public keys as they were typed. */
export interface KeyArguments extends LogSource {
  readonly key?: readonly string[] | undefined;
  /** Files of them, one a line. */
  readonly keyFile?: readonly string[] | undefined;
}

/**
 * The public keys by which a log is judged: those that were given, else those of the configuration, if there is one.
 * @throws LockkeeperError `malformed-request` for a key that is none
 */
export function trustedKeysFor({ where, config, key = [], keyFile = [] }: KeyArguments): readonly string[] {
  const given = [...key, ...keyFile.flatMap((file) => readText(file).split(/\r?\n/))].filter((line) => line !== "");
  for (const [at, vkey] of given.entries()) assertKey(vkey, at, given.length);
  if (given.length > 0 || (where !== undefined && config === undefined)) return given;
  return configuredKeys(loadConfig({ file: config })).trustedKeys;
}

/**
 * Which log it must be: the one that was named, else the one of the configuration or what a recovery has made of it.
 * @param found the origin that the log's newest head has
 * @returns undefined when neither says anything
 */
export function originFor(
  { where, config, origin }: LogSource & { readonly origin?: string | undefined },
  found: string | undefined,
): string | undefined {
  if (origin !== undefined || (where !== undefined && config === undefined)) return origin;
  const configured = loadConfig({ file: config }).audit.origin;
  return found !== undefined && lineageOf(found).base === configured ? found : configured;
}

/** A log that a recovery has opened has the same keys under its own name. */
export function keysOfLineage(keys: readonly string[], origin: string | undefined): readonly string[] {
  if (origin === undefined) return keys;
  return keysUnder({ origin: lineageOf(origin).base, trustedKeys: keys }, origin)?.trustedKeys ?? keys;
}

function assertKey(vkey: string, at: number, of: number): void {
  try {
    parseVerifier(vkey);
  } catch (cause) {
    if (!(cause instanceof NoteError)) throw cause;
    // No cause: somebody may have given a secret key.
    throw new LockkeeperError("malformed-request", `Key ${at + 1} of ${of} cannot be used: ${cause.message}`);
  }
}
