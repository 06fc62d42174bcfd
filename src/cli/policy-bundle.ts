import { renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LockkeeperError } from "../errors.ts";
import { writeArchive } from "../policy/archive.ts";
import { type Bundle, bundleOf, readBundleFiles } from "../policy/bundle.ts";
import type { BundleFiles } from "../policy/bundle-files.ts";
import { BundleRefusal } from "../policy/bundle-refusal.ts";
import { Evaluator } from "../policy/evaluator.ts";
import { PolicyDecisionPoint } from "../policy/pdp.ts";
import { checkSelfTestData, runCase } from "../policy/run-self-test.ts";
import type { SelfTest } from "../policy/self-test.ts";
import {
  readSigningKey,
  readVerificationKey,
  type SignatureAlgorithm,
  signatureAlgorithms,
} from "../policy/signing/key.ts";
import { signBundle } from "../policy/signing/sign.ts";
import { SIGNATURES } from "../policy/signing/signed-files.ts";
import { verifyBundle } from "../policy/signing/verify.ts";
import type { Output } from "./keys.ts";

export interface KeyOptions {
  readonly key: string;
  readonly algorithm: string;
  readonly keyId?: string;
  readonly scope?: string;
}

/**
 * `lockkeeper policy sign BUNDLE`: signs a bundle as OPA does, in its place.
 * @param path an archive, which is replaced as a whole, or a folder
 * @throws LockkeeperError with a sentence for the terminal
 */
export async function policySign(output: Output, path: string, options: KeyOptions): Promise<void> {
  const algorithm = algorithmOf(options.algorithm);
  const { keyId, scope } = options;
  const files = read(path);
  bundleIn(path, files);
  const signed = await signBundle(files, { key: readSigningKey(options.key, algorithm), algorithm, keyId, scope });
  if (statSync(path).isDirectory()) {
    writeFileSync(join(path, SIGNATURES), signed.get(SIGNATURES) ?? new Uint8Array());
  } else {
    const beside = `${path}.${process.pid}.new`;
    writeFileSync(beside, writeArchive(signed));
    renameSync(beside, path);
  }
  output.print(`signed ${path}: ${signed.size - 1} files, ${algorithm}`);
}

/**
 * `lockkeeper policy verify BUNDLE`: checks a bundle's signature and prints what is in it.
 * @throws LockkeeperError with a sentence for the terminal
 */
export async function policyVerify(output: Output, path: string, options: KeyOptions): Promise<void> {
  const algorithm = algorithmOf(options.algorithm);
  const { keyId, scope } = options;
  const key = readVerificationKey(options.key, algorithm);
  const files = read(path);
  await verifyBundle(files, { key, algorithm, keyId, scope }).catch((error: unknown) => {
    throw error instanceof BundleRefusal ? unusable(path, error) : error;
  });
  const { revision, createdAt, wasmDigest, roots, selfTest } = bundleIn(path, files);
  output.print(`${path} is signed with this key`);
  output.print(`revision     ${revision}`);
  output.print(`built        ${createdAt === undefined ? "not told" : new Date(createdAt).toISOString()}`);
  output.print(`WebAssembly  ${wasmDigest}`);
  output.print(`roots        ${roots.join(", ")}`);
  output.print(`self-test    ${selfTest?.cases.length ?? 0} cases`);
  output.print(`files        ${[...files.keys()].sort().join(", ")}`);
  if (createdAt === undefined)
    output.note("A gateway with a verification key takes no bundle that does not say when it was built.");
}

/**
 * `lockkeeper policy test BUNDLE`: puts the bundle's own self-test before it, and tries it as a gateway does.
 * @returns the exit code: 1 when a case fails, or there is none, or a gateway would refuse the bundle
 * @throws LockkeeperError with a sentence for the terminal
 */
export function policyTest(output: Output, path: string): 0 | 1 {
  const bundle = bundleIn(path, read(path));
  const { selfTest } = bundle;
  if (selfTest === undefined || selfTest.cases.length === 0) {
    output.note(`${path} has no self-test: put one in selftest.json beside the policies.`);
    return 1;
  }
  const results = attempt(path, () => {
    const evaluator = new Evaluator(bundle, selfTest.data);
    return selfTest.cases.map((each) => runCase(each, evaluator));
  });
  for (const { name, fault } of results)
    output.print(fault === undefined ? `ok      ${name}` : `FAILED  ${name}: ${fault}`);
  const failed = results.filter(({ fault }) => fault !== undefined).length;
  output.print(`${results.length} cases, ${failed} failed`);
  if (failed > 0) return 1;
  const refusal = refusalOf(bundle, selfTest);
  if (refusal === undefined) return 0;
  output.note(`A gateway would refuse it: ${refusal}`);
  return 1;
}

/** Why a gateway would not put the bundle in force, with the self-test's data for the site's. */
function refusalOf(bundle: Bundle, selfTest: SelfTest): string | undefined {
  try {
    checkSelfTestData(bundle, selfTest);
    new PolicyDecisionPoint().activate(bundle, selfTest.data);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function algorithmOf(name: string): SignatureAlgorithm {
  const algorithm = signatureAlgorithms.find((each) => each === name);
  if (algorithm !== undefined) return algorithm;
  throw new LockkeeperError("configuration", `--algorithm must be one of ${signatureAlgorithms.join(", ")}.`);
}

function read(path: string): BundleFiles {
  return attempt(path, () => readBundleFiles(path));
}

function bundleIn(path: string, files: BundleFiles): Bundle {
  return attempt(path, () => bundleOf(files));
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw unusable(path, error);
  }
}

function unusable(path: string, cause: unknown): LockkeeperError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new LockkeeperError("policy-unavailable", `${path} cannot be used: ${why}`, {}, { cause });
}
