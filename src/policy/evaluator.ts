import { createRequire } from "node:module";
import type * as OpaWasm from "@open-policy-agent/opa-wasm";
import { type Bundle, ENTRYPOINT } from "./bundle.ts";

// As an ES module, opa-wasm 1.10 exports the asynchronous loader only.
const opa: typeof OpaWasm = createRequire(import.meta.url)("@open-policy-agent/opa-wasm");

const KIB = 1024;
const PAGE = 64 * KIB;
/** What one instance may take. 10 MB of data take 63 MB. */
const MAX_MEMORY = 256 * KIB * KIB;
/** WebAssembly memory never shrinks: an instance that one evaluation has blown up by more than this is not kept. */
const MAX_GROWTH = 16 * KIB * KIB;

interface Instance {
  readonly policy: OpaWasm.LoadedPolicy;
  readonly maxMemory: number;
}

/**
 * One bundle with one set of data, to be asked again and again. Nothing here can be changed: other data is another
 * evaluator, because setting data in a running instance is not atomic.
 */
export class Evaluator {
  readonly bundle: Bundle;
  readonly #data: ArrayBuffer;
  #instance: Instance | undefined;

  /** @throws Error when the module cannot be instantiated, lacks the entrypoint, or cannot take the data */
  constructor(bundle: Bundle, data: object) {
    this.bundle = bundle;
    this.#data = jsonBytes(JSON.stringify(data));
    this.#instance = instantiate(bundle, this.#data);
  }

  /**
   * Evaluates one input: the decision, unless told otherwise.
   * @param input JSON as bytes; anything else in there would silently become an undefined input
   * @returns the result set as the policy gave it, of whatever shape
   * @throws Error whatever was thrown, also strings and plain objects. Every exception leaks WebAssembly stack, so the
   *   instance is thrown away then; the next call makes a new one out of the compiled module.
   */
  evaluate(input: ArrayBuffer, entrypoint = ENTRYPOINT): unknown {
    try {
      this.#instance ??= instantiate(this.bundle, this.#data);
      const { policy, maxMemory } = this.#instance;
      const resultSet: unknown = policy.evaluate(input, entrypointIn(policy, entrypoint));
      if (policy.mem.buffer.byteLength > maxMemory) this.#instance = undefined;
      return resultSet;
    } catch (thrown) {
      this.#instance = undefined;
      throw asError(thrown);
    }
  }
}

/** JSON text as bytes that fill their buffer exactly, which is the only form that opa-wasm takes for JSON. */
export function jsonBytes(json: string): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = new TextEncoder().encode(json);
  return byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength);
}

function instantiate({ module }: Bundle, data: ArrayBuffer): Instance {
  try {
    const policy = opa.loadPolicySync(module, { initial: 5, maximum: MAX_MEMORY / PAGE });
    policy.setData(data);
    entrypointIn(policy, ENTRYPOINT);
    return { policy, maxMemory: policy.mem.buffer.byteLength + MAX_GROWTH };
  } catch (thrown) {
    throw asError(thrown);
  }
}

function entrypointIn(policy: OpaWasm.LoadedPolicy, name: string): number {
  const entrypoint: unknown = policy.entrypoints[name];
  if (typeof entrypoint !== "number") throw new Error(`the module has no entrypoint ${name}`);
  return entrypoint;
}

/** opa-wasm throws strings and plain objects as well as errors. */
function asError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  const told = typeof thrown === "object" && thrown !== null && "message" in thrown ? thrown.message : thrown;
  return new Error(String(told), { cause: thrown });
}
