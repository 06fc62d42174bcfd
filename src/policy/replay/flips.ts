import { principalKey } from "../../authn/principal.ts";
import type { Reason, Ruling } from "../decision.ts";
import type { PastDecision } from "./past-decision.ts";

/** Which way a decision would flip; what would be opened comes first. */
export const directions = ["deny-to-allow", "allow-to-deny"] as const;

export type Direction = (typeof directions)[number];

/** Where in the log a decision stands. */
export interface Place {
  /** Of its record. */
  readonly index: number;
  /** `metadata.event_code` */
  readonly event: string;
  /** `metadata.correlation_uid`: of a status change its id. */
  readonly correlation: string;
  /** Epoch milliseconds. */
  readonly time: number;
}

/** Decisions that would flip alike: the same way, about the same kind of thing, for the same reasons. */
export interface FlipGroup {
  readonly direction: Direction;
  readonly action: string;
  /** What a change wanted; absent of a look-up. */
  readonly status?: string;
  readonly credentialType?: string;
  /** Reasons then and now, with the sentences of the first of these decisions. */
  readonly before: readonly Reason[];
  readonly after: readonly Reason[];
  readonly count: number;
  /** Epoch milliseconds of the earliest and the latest of their records. */
  readonly first: number;
  readonly last: number;
  /** Whose decisions they are (issuer and id, with a blank between), the most frequent first. */
  readonly principals: readonly { readonly principal: string; readonly count: number }[];
  /** The one with the smallest index. */
  readonly example: FlipExample;
  /** Indexes of all their records. */
  readonly records: readonly number[];
}

export interface FlipExample extends Place {
  /** UUIDv7 of the decision. */
  readonly decision: string;
  readonly principal: string;
  readonly userName?: string;
  readonly credentialId?: string;
}

interface Growing {
  readonly group: Omit<FlipGroup, "count" | "first" | "last" | "principals" | "records">;
  first: number;
  last: number;
  readonly principals: Map<string, number>;
  readonly records: number[];
}

/** Collects decisions that would flip. */
export class Flips {
  readonly #groups = new Map<string, Growing>();

  /** @param past decisions come in the order of their indexes */
  add(place: Place, past: PastDecision, ruling: Ruling): void {
    const key = keyOf(past, ruling);
    const group = this.#groups.get(key) ?? begin(place, past, ruling);
    this.#groups.set(key, group);
    group.first = Math.min(group.first, place.time);
    group.last = Math.max(group.last, place.time);
    group.records.push(place.index);
    const principal = principalKey(past.input.principal);
    group.principals.set(principal, (group.principals.get(principal) ?? 0) + 1);
  }

  /** What would be opened first, then the largest groups; the same log always makes the same list. */
  get groups(): readonly FlipGroup[] {
    return [...this.#groups]
      .map(([key, group]) => ({ key, group: whole(group) }))
      .sort(
        (one, other) =>
          directions.indexOf(one.group.direction) - directions.indexOf(other.group.direction) ||
          other.group.count - one.group.count ||
          compare(one.key, other.key),
      )
      .map(({ group }) => group);
  }
}

/** Reasons' codes, each once and sorted: the order of reasons means nothing. */
export function codesOf(reasons: readonly Reason[]): readonly string[] {
  return [...new Set(reasons.map(({ code }) => code))].sort(compare);
}

function keyOf({ allow, reasons, input }: PastDecision, ruling: Ruling): string {
  const { action, change, credential } = input;
  return JSON.stringify([allow, action, credential?.type, change?.status, codesOf(reasons), codesOf(ruling.reasons)]);
}

function begin(place: Place, { id, allow, reasons, input }: PastDecision, ruling: Ruling): Growing {
  const { principal, action, change, credential } = input;
  return {
    group: {
      direction: allow ? "allow-to-deny" : "deny-to-allow",
      action,
      ...(change?.status !== undefined && { status: change.status }),
      ...(credential?.type !== undefined && { credentialType: credential.type }),
      before: reasons,
      after: ruling.reasons,
      example: {
        ...place,
        decision: id,
        principal: principalKey(principal),
        ...(credential?.userName !== undefined && { userName: credential.userName }),
        ...(credential?.id !== undefined && { credentialId: credential.id }),
      },
    },
    first: place.time,
    last: place.time,
    principals: new Map(),
    records: [],
  };
}

function whole({ group, first, last, principals, records }: Growing): FlipGroup {
  return {
    ...group,
    count: records.length,
    first,
    last,
    principals: [...principals]
      .map(([principal, count]) => ({ principal, count }))
      .sort((one, other) => other.count - one.count || compare(one.principal, other.principal)),
    records,
  };
}

/** By code units, which no locale changes. */
function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
