import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { z } from "zod";
import { LockkeeperError } from "../errors.ts";
import { readArchive } from "./archive.ts";
import { type BundleFiles, readFolder } from "./bundle-files.ts";
import { type ReasonRule, reasonRulesSchema } from "./reason-rules.ts";
import { type SelfTest, selfTestSchema } from "./self-test.ts";
import { nextTurn } from "./turn.ts";

/** The one rule that Lockkeeper asks. */
export const ENTRYPOINT = "lockkeeper/decision";

/** What a bundle may have as well: what would be needed to be allowed. Asked for what-ifs only. */
export const REMEDIES_ENTRYPOINT = "lockkeeper/remedies/answer";

/** Compiled policies: what an OPA bundle holds, as far as deciding needs it. Says nothing of the site's data. */
export interface Bundle {
  readonly revision: string;
  /** SHA-256 of the WebAssembly, hex. */
  readonly wasmDigest: string;
  readonly module: WebAssembly.Module;
  /** The parts of `data` that the bundle owns. */
  readonly roots: readonly string[];
  /** JSON schemas of the top-level keys of the data that it expects beside it; empty when it says nothing of them. */
  readonly dataSchemas: Readonly<Record<string, object>>;
  /** When it was built, by its own word, epoch milliseconds: of two bundles the later one is the newer. */
  readonly createdAt?: number;
  /** What it must decide before it is put in force. */
  readonly selfTest?: SelfTest;
  /** By the code of a reason, the rules that give it; absent of what plain `opa build` has made. */
  readonly reasonRules?: ReadonlyMap<string, readonly ReasonRule[]>;
  /** Whether it has {@link REMEDIES_ENTRYPOINT}. */
  readonly tellsRemedies?: boolean;
}

// https://www.openpolicyagent.org/docs/latest/management-bundles/#bundle-file-format; other keys are OPA's business.
const manifest = z.object({
  revision: z.string().min(1).max(128),
  roots: z.array(z.string().min(1)).min(1),
  wasm: z.array(z.object({ entrypoint: z.string(), module: z.string() })),
  metadata: z
    .object({
      dataSchemas: z.record(z.string(), z.looseObject({})).default({}),
      lockkeeper: z
        .strictObject({
          createdAt: z.iso.datetime({ offset: true }).optional(),
          selfTest: selfTestSchema.optional(),
          reasons: reasonRulesSchema.optional(),
        })
        .prefault({}),
    })
    .prefault({}),
});

/**
 * Reads a bundle that `opa build -t wasm` made. Looks at no signature.
 * @param path of `bundle.tar.gz`, or of the folder that it was unpacked to
 * @throws LockkeeperError `policy-unavailable` when it cannot be read or is not a bundle for {@link ENTRYPOINT}
 */
export function loadBundle(path: string): Bundle {
  try {
    return bundleOf(readBundleFiles(path));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LockkeeperError("policy-unavailable", `Cannot load the policy bundle ${path}: ${why}`, {}, { cause });
  }
}

/**
 * Reads a bundle's bytes.
 * @throws Error that says what is wrong with it
 */
export function readBundle(packed: Uint8Array): Bundle {
  return bundleOf(readArchive(packed));
}

/**
 * The files of a bundle that is packed in a file, or lies in a folder.
 * @throws Error when it cannot be read
 */
export function readBundleFiles(path: string): BundleFiles {
  return statSync(path).isDirectory() ? readFolder(path) : readArchive(readFileSync(path));
}

/**
 * Reads a bundle's files.
 * @throws Error that says what is wrong with it
 */
export function bundleOf(files: BundleFiles): Bundle {
  const { code, ...bundle } = contentOf(files);
  return { ...bundle, module: new WebAssembly.Module(code) };
}

/** {@link bundleOf} beside what else goes on: compiling takes as long as many requests. Rejects as that throws. */
export async function compileBundle(files: BundleFiles): Promise<Bundle> {
  await nextTurn();
  const { code, ...bundle } = contentOf(files);
  return { ...bundle, module: await WebAssembly.compile(code) };
}

/** All of a bundle but the module, which is still to be compiled from `code`. */
function contentOf(files: BundleFiles): Omit<Bundle, "module"> & { readonly code: Uint8Array<ArrayBuffer> } {
  const parsed = manifest.safeParse(JSON.parse(new TextDecoder().decode(fileIn(files, ".manifest"))));
  if (!parsed.success) throw new Error(`its .manifest is malformed:\n${z.prettifyError(parsed.error)}`);
  const { revision, roots, wasm, metadata } = parsed.data;

  const { createdAt, selfTest, reasons } = metadata.lockkeeper;
  const entry = wasm.find(({ entrypoint }) => entrypoint === ENTRYPOINT);
  if (entry === undefined) throw new Error(`it has no WebAssembly entrypoint ${ENTRYPOINT}`);
  // Data inside a bundle is the bundle's own; what Lockkeeper does not hand to the policy must not be expected by it.
  const data: unknown = JSON.parse(new TextDecoder().decode(files.get("data.json") ?? new TextEncoder().encode("{}")));
  if (JSON.stringify(data) !== "{}") throw new Error("it carries data; the site's data is given apart from it");

  const code = fileIn(files, entry.module.replace(/^\//, ""));
  return {
    revision,
    wasmDigest: createHash("sha256").update(code).digest("hex"),
    code,
    roots,
    dataSchemas: metadata.dataSchemas,
    ...(createdAt !== undefined && { createdAt: Date.parse(createdAt) }),
    ...(selfTest && { selfTest }),
    ...(reasons && { reasonRules: new Map(Object.entries(reasons)) }),
    tellsRemedies: wasm.some(({ entrypoint, module }) => entrypoint === REMEDIES_ENTRYPOINT && module === entry.module),
  };
}

function fileIn(files: BundleFiles, name: string): Uint8Array<ArrayBuffer> {
  const content = files.get(name);
  if (content === undefined) throw new Error(`it holds no ${name}`);
  return content;
}
