import { LockkeeperError } from "../errors.ts";
import type { Bundle } from "./bundle.ts";
import { checkData, type PolicyData } from "./data.ts";
import { Evaluator, jsonBytes } from "./evaluator.ts";
import type { Facts } from "./facts.ts";
import type { PolicyInput } from "./input.ts";
import { readResult } from "./result.ts";
import { checkSelfTestData, runCase, type SelfTestResult } from "./run-self-test.ts";

/** A bundle with its data that has been checked, tried and warmed up. Only {@link preparing} makes one. */
export interface PreparedPolicy {
  readonly bundle: Bundle;
  readonly data: PolicyData;
  readonly evaluator: Evaluator;
}

/** A decision takes microseconds. WebAssembly cannot be interrupted, so a bundle that takes this long is not activated. */
export const SLOW_MS = 50;
/** The first hundred evaluations of a module take 5 to 20 times as long as the later ones. */
const WARM_UP_ROUNDS = 300;
/** Enough of them to tell a slow policy from a busy machine. */
const TIMED_ROUNDS = 5;
/** A slow evaluation is repeated this often before its policy is blamed for it and not the machine. */
export const CONFIRMING_ROUNDS = 2;

/** A trial that took too long. A machine that stands still for a while looks the same as slow policies. */
class SlowTrial extends Error {
  override readonly name = "SlowTrial";
}

/** Whether {@link preparing} has thrown it for the time that a trial took: the same may pass later. */
export function isSlowTrial(error: unknown): boolean {
  return error instanceof LockkeeperError && error.cause instanceof SlowTrial;
}

/**
 * Makes a bundle and data ready to decide: checks them, puts the bundle's own self-test before it, tries it on a request
 * that must be denied, and warms it up. Yields wherever it may rest for a while: all of it takes some dozens of
 * milliseconds.
 * @param now monotonic milliseconds, by which evaluations are timed
 * @throws LockkeeperError `configuration` when the data does not fit the bundle, `policy-unavailable` when the bundle
 *   does not work
 */
export function* preparing(bundle: Bundle, data: PolicyData, now: () => number): Generator<undefined, PreparedPolicy> {
  checkData(bundle, data);
  yield;
  try {
    yield* passSelfTest(bundle);
    const evaluator = new Evaluator(bundle, data);
    yield;
    yield* tryOut(evaluator, now);
    return { bundle, data, evaluator };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `The policies ${bundle.revision} do not work: ${why}`;
    throw new LockkeeperError("policy-unavailable", message, {}, { cause });
  }
}

function* passSelfTest(bundle: Bundle): Generator<undefined, void> {
  const { selfTest } = bundle;
  if (selfTest === undefined) return;
  checkSelfTestData(bundle, selfTest);
  yield;
  const evaluator = new Evaluator(bundle, selfTest.data);
  yield;
  const failed: SelfTestResult[] = [];
  for (const each of selfTest.cases) {
    const result = runCase(each, evaluator);
    if (result.fault !== undefined) failed.push(result);
    yield;
  }
  const [first, ...more] = failed;
  if (first === undefined) return;
  const others = more.length === 0 ? "" : `, and ${more.length} more`;
  throw new Error(`its self-test "${first.name}" failed: ${first.fault}${others}`);
}

/** Asks for what must be denied, often enough for the module to be warm. */
function* tryOut(evaluator: Evaluator, now: () => number): Generator<undefined, void> {
  // With the facts that it may want to know as well: what asks for them first has not decided yet.
  const asked = jsonBytes(JSON.stringify(nobodysRequest));
  const askedWithFacts = jsonBytes(JSON.stringify({ ...nobodysRequest, facts: nobodysFacts }));
  const durations: number[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    const start = now();
    const result = readResult(evaluator.evaluate(round % 2 === 0 ? asked : askedWithFacts));
    durations.push(now() - start);
    if (result.kind !== "answer") throw new Error(`its decision on a request that nobody made is ${result.kind}`);
    if (result.allow) throw new Error("it allows a request that nobody made");
    if (round === TIMED_ROUNDS && median(durations) > SLOW_MS) {
      throw new SlowTrial(`it takes longer than ${SLOW_MS} ms`);
    }
    yield;
  }
  for (const each of evaluator.bundle.selfTest?.cases ?? []) {
    const bytes = jsonBytes(JSON.stringify(each.input));
    const times = Array.from({ length: 1 + CONFIRMING_ROUNDS }, () => timed(evaluator, bytes, now));
    if (Math.min(...times) > SLOW_MS) throw new SlowTrial(`"${each.name}" takes longer than ${SLOW_MS} ms`);
    yield;
  }
}

/** Evaluates once. @returns how long that took, by `now` */
export function timed(evaluator: Evaluator, input: ArrayBuffer, now: () => number): number {
  const start = now();
  evaluator.evaluate(input);
  return now() - start;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** Of an ordinary user with several keys, of whom nothing stands in the way of a change. */
const nobodysFacts: Facts = {
  credential: { id: "AKIANOBODYSACCESSKEY", status: "Inactive" },
  siblings: [{ id: "AKIANOBODYSOTHERKEY0", status: "Active" }],
  user: { path: "/", createdAt: { rfc3339: "1970-01-01T00:00:00.000Z", epochMs: 0 }, tags: {} },
};

/** A change of nobody's credential that nobody has asked for. */
const nobodysRequest: PolicyInput = {
  principal: { id: "nobody", issuer: "lockkeeper:self-test", kind: "service", groups: [], authn: "api-key" },
  action: "iam:UpdateAccessKey",
  credential: { type: "access-key", id: "AKIANOBODYSACCESSKEY", userName: "nobody", account: "000000000000" },
  change: { status: "Active" },
  context: {
    time: { rfc3339: "1970-01-01T00:00:00.000Z", epochMs: 0, hour: 0, weekday: "Thursday", zone: "UTC" },
    sourceIp: "127.0.0.1",
    channel: "rest",
    requestId: "self-test",
  },
};
