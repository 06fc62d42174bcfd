import { isJsonObject } from "../json-object.ts";

/** Something that a request would have to come with, or a role that its principal would have to have. */
export type Need =
  | { readonly kind: "ticket" }
  | { readonly kind: "on-behalf-of" }
  | { readonly kind: "role"; readonly role: string };

/** One way in which policy would allow what it denies: all of its needs together. */
export interface Remedy {
  readonly needs: readonly Need[];
  /** Whether it is known to be enough; else that depends on facts that have not been looked up. */
  readonly certain: boolean;
  /** A sentence for people. */
  readonly message: string;
}

const MAX_REMEDIES = 32;
const MAX_NEEDS = 8;
const MAX_ROLE = 64;
const MAX_MESSAGE = 512;

/**
 * Reads the result set of one evaluation of a bundle's remedies, the smallest first. Nothing in it is read by
 * truthiness.
 * @returns undefined when it is of another shape, or too large
 */
export function readRemedies(resultSet: unknown): readonly Remedy[] | undefined {
  if (!Array.isArray(resultSet) || resultSet.length !== 1) return undefined;
  const [entry]: readonly unknown[] = resultSet;
  if (!isJsonObject(entry) || !hasExactly(entry, ["result"])) return undefined;
  const { result } = entry;
  if (!Array.isArray(result) || result.length > MAX_REMEDIES || !result.every(isRemedy)) return undefined;
  return result
    .map(({ needs, certain, message }: Remedy): Remedy => ({ needs: needs.map(plain), certain, message }))
    .sort((one, other) => compare(rank(one), rank(other)));
}

/** What the caller can do comes before what takes somebody who gives roles. */
function rank({ needs, certain, message }: Remedy): string {
  const roles = needs.filter(({ kind }) => kind === "role");
  return JSON.stringify([needs.length, roles.length, !certain, message]);
}

/** WebAssembly gives an object's members in any order. */
function plain(need: Need): Need {
  return need.kind === "role" ? { kind: need.kind, role: need.role } : { kind: need.kind };
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function isRemedy(value: unknown): value is Remedy {
  if (!isJsonObject(value) || !hasExactly(value, ["needs", "certain", "message"])) return false;
  const { needs, certain, message } = value;
  if (!Array.isArray(needs) || needs.length === 0 || needs.length > MAX_NEEDS || !needs.every(isNeed)) return false;
  return typeof certain === "boolean" && isText(message, MAX_MESSAGE);
}

function isNeed(value: unknown): value is Need {
  if (!isJsonObject(value)) return false;
  const { kind, role } = value;
  if (kind === "role") return hasExactly(value, ["kind", "role"]) && isText(role, MAX_ROLE);
  return (kind === "ticket" || kind === "on-behalf-of") && hasExactly(value, ["kind"]);
}

function isText(value: unknown, max: number): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= max;
}

function hasExactly(value: object, names: readonly string[]): boolean {
  return Object.keys(value).length === names.length && names.every((name) => Object.hasOwn(value, name));
}
