import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Clock } from "../clock.ts";
import { LockkeeperError } from "../errors.ts";
import { selfTestSchema } from "../policy/self-test.ts";
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
 * @throws LockkeeperError with a sentence for the terminal, every fault of a self-test that is none, and OPA's own words
 *   where the policies do not compile
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
    checkSelfTest(join(policies, "selftest.json"));
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

/**
 * Tells of a self-test that no gateway could read while its author is still at it.
 * @throws Error with the place and the reason of every fault
 */
function checkSelfTest(file: string): void {
  if (!existsSync(file)) return;
  const content = jsonOf(file);
  const { error } = selfTestSchema.safeParse(content);
  if (error === undefined) return;
  const faults = error.issues.map(({ path, message }) => `${placeOf(path, content)}: ${message}`);
  throw new Error(`${file} is no self-test that a gateway would take:\n${faults.join("\n")}`);
}

function jsonOf(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${file} is not valid JSON: ${why}`, { cause });
  }
}

const namedCases = z.object({ cases: z.array(z.unknown()) });
const named = z.object({ name: z.string() });

/** Such as `cases[3].allow ("on-call may switch off")`: in a long file, a case is easier to find by its name. */
function placeOf(path: readonly PropertyKey[], content: unknown): string {
  const place = path.length === 0 ? "at the top" : z.core.toDotPath(path);
  const [list, index] = path;
  if (list !== "cases" || typeof index !== "number") return place;
  const each = named.safeParse(namedCases.safeParse(content).data?.cases[index]);
  return each.success ? `${place} (${JSON.stringify(each.data.name)})` : place;
}
