import type { IamReadAction } from "../changes/iam-answers.ts";
import type { FactName } from "./facts.ts";

/** Why a decision came out as it did: a stable code for programs and a sentence for people. */
export interface Reason {
  readonly code: string;
  readonly message: string;
}

/** What the PDP made of one input, before it is given an id. */
export interface Ruling {
  readonly allow: boolean;
  readonly reasons: readonly Reason[];
  /** None is defined yet: a ruling with any of them denies. */
  readonly obligations: readonly unknown[];
  /** What policy wants to know before it may allow this: never with an allow. */
  readonly needs: readonly FactName[];
  /** The bundle's revision; `none` when no bundle could be asked. */
  readonly revision: string;
  /** `lockkeeper/decision`. */
  readonly entrypoint: string;
  /** SHA-256 of the WASM that decided, hex. */
  readonly wasmDigest: string;
}

/** The last ruling about one request of one principal: nothing is open any more. */
export interface Decision extends Omit<Ruling, "needs"> {
  /** UUIDv7. */
  readonly id: string;
}

/** Reads are actions of Lockkeeper's own, or IAM's where they are IAM's; updates carry AWS's name. */
export type ReadAction =
  | IamReadAction
  | "lockkeeper:FindAccessKeyOwner"
  | "lockkeeper:ListCredentials"
  | "lockkeeper:ReadAudit"
  | "lockkeeper:ReadStatusChange"
  | "lockkeeper:SearchStatusChanges";
