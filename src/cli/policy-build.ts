import type { Clock } from "../clock.ts";
import { LockkeeperError } from "../errors.ts";
import { script } from "./checkout-only.ts";
import type { Output } from "./keys.ts";

export interface PolicyBuildOptions {
  /** The folder of the policies. */
  readonly folder: string;
  readonly out: string;
  readonly revision?: string;
  /** RFC 3339; default: now. */
  readonly createdAt?: string;
}

/**
 * `lockkeeper policy build FOLDER`: compiles policies to a bundle that says when it was built.
 * @throws LockkeeperError with a sentence for the terminal, and OPA's own words where the policies do not compile
 */
export async function policyBuild(
  output: Output,
  clock: Pick<Clock, "now">,
  options: PolicyBuildOptions,
): Promise<void> {
  const { folder: policies, out, revision: given } = options;
  const createdAt = new Date(options.createdAt === undefined ? clock.now() : Date.parse(options.createdAt));
  if (Number.isNaN(createdAt.getTime())) {
    throw new LockkeeperError("configuration", "--created-at must be a time such as 2026-11-21T09:30:00Z.");
  }
  const { buildBundle } = await script(() => import("../../scripts/build-policies.mjs"), "Policies are compiled");
  try {
    const { revision, unsaid } = buildBundle({
      policies,
      output: out,
      createdAt: createdAt.toISOString(),
      revision: given,
    });
    output.print(`${out}: revision ${revision}, built ${createdAt.toISOString()}`);
    for (const { rule, file, line } of unsaid) {
      output.note(`${file}:${line}: ${rule} computes a code; name its codes in METADATA (custom: { codes: [...] }).`);
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LockkeeperError("policy-unavailable", why, {}, { cause });
  }
}
