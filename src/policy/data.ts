import { readFileSync } from "node:fs";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { configDigest } from "../config/digest.ts";
import { type Fault, LockkeeperError } from "../errors.ts";
import { isJsonObject } from "../json-object.ts";
import type { Bundle } from "./bundle.ts";
import { fileVersion } from "./bundle-files.ts";

/** The document that policy knows as `data`, apart from what the bundle itself defines: at least `site`. */
export type PolicyData = Readonly<Record<string, unknown>>;

const digests = new WeakMap<PolicyData, string>();

/**
 * SHA-256, hex, of data as records name it, see `configDigest`. Worked out once for each: of a hundred thousand entries
 * it takes as long as thousands of decisions.
 */
export function dataDigest(data: PolicyData): string {
  const known = digests.get(data) ?? configDigest(data);
  digests.set(data, known);
  return known;
}

/** Where the site's data is looked up, again and again. */
export interface DataSource {
  /**
   * @param known the version that was given last
   * @returns undefined when it is that still
   * @throws LockkeeperError `configuration` when it cannot be read or is no JSON object
   */
  look(known: string | undefined): { readonly version: string; readonly data: PolicyData } | undefined;
}

/** The data in a file, which is looked at for changes. */
export function dataFile(path: string): DataSource {
  return {
    look(known) {
      const version = versionOf(path);
      return version === known ? undefined : { version, data: loadData(path) };
    },
  };
}

/** Data that stays as it is. */
export function fixedData(data: PolicyData): DataSource {
  return { look: (known) => (known === undefined ? { version: "fixed", data } : undefined) };
}

/** A file that is not there has a version too: that it is missing is told once. */
function versionOf(path: string): string {
  try {
    return fileVersion(path);
  } catch {
    return "missing";
  }
}

/**
 * Reads the site's data from a JSON file.
 * @throws LockkeeperError `configuration` when it cannot be read or is no JSON object
 */
export function loadData(path: string): PolicyData {
  let data: unknown;
  try {
    data = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    // What the parser says quotes the file, and that may be another one than was meant: a key's, a password's.
    const why = cause instanceof SyntaxError ? "it is not valid JSON" : messageOf(cause);
    throw new LockkeeperError("configuration", `Cannot read the policy data ${path}: ${why}`, {}, { cause });
  }
  if (!isJsonObject(data)) throw new LockkeeperError("configuration", `The policy data ${path} is not a JSON object.`);
  return data;
}

/**
 * Checks data against what the bundle expects. Data of another shape would be looked up in vain: a protected user
 * written in capitals would not be protected.
 * @throws LockkeeperError `configuration` with every fault
 */
export function checkData({ roots, dataSchemas }: Bundle, data: PolicyData): void {
  const owned = roots.map((root) => root.split("/")[0]);
  const faults = Object.keys(data)
    .filter((key) => owned.includes(key))
    .map((key): Fault => ({ at: `data.${key}`, message: "belongs to the policies and cannot be given as data" }));
  const expected = Object.keys(dataSchemas);
  if (expected.length > 0) {
    const validate = validatorOf(dataSchemas);
    if (!validate(data)) faults.push(...(validate.errors ?? []).map(faultOf));
  }
  if (faults.length === 0) return;
  const list = faults.map(({ at, message }) => `${at}: ${message}`).join("\n");
  throw new LockkeeperError("configuration", `The policy data is not what the policies expect:\n${list}`, { faults });
}

/** The validators of as many bundles as are compared with each other: the next ones bring the same schemas mostly. */
const MAX_VALIDATORS = 4;
const validators = new Map<string, ValidateFunction>();
/** To check schemas with. Made once, because compiling the schema of schemas takes longer than all else. */
const ofSchemas = new Ajv();

/** Compiling takes milliseconds in which no request is answered, so what was compiled is kept. */
function validatorOf(dataSchemas: Bundle["dataSchemas"]): ValidateFunction {
  const key = JSON.stringify(dataSchemas);
  const known = validators.get(key);
  if (known !== undefined) return known;
  const required = Object.keys(dataSchemas);
  const schema = { type: "object", properties: dataSchemas, required, additionalProperties: false };
  ofSchemas.validateSchema(schema, true);
  const validate = new Ajv({ allErrors: true, meta: false, validateSchema: false }).compile(schema);
  const [oldest] = validators.keys();
  if (oldest !== undefined && validators.size >= MAX_VALIDATORS) validators.delete(oldest);
  validators.set(key, validate);
  return validate;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function faultOf({ instancePath, message, params, propertyName }: ErrorObject): Fault {
  const named = propertyName ?? params["additionalProperty"];
  const allowed: unknown = params["allowedValues"];
  const values = Array.isArray(allowed) ? `: ${allowed.join(", ")}` : "";
  // The names of groups and principals hold slashes, which a JSON pointer (RFC 6901) writes otherwise.
  const names = instancePath.split("/").map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
  return {
    at: `data${names.join(".")}`,
    message: `${typeof named === "string" ? `${JSON.stringify(named)} ` : ""}${message ?? "is not valid"}${values}`,
  };
}
