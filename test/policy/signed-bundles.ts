import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runOpa } from "../../scripts/opa.mjs";
import { writeArchive } from "../../src/policy/archive.ts";
import { type BundleFiles, readFolder } from "../../src/policy/bundle-files.ts";
import type { SignatureAlgorithm } from "../../src/policy/signing/key.ts";

/** A folder of the test's own, which `remove` takes away. */
export function testFolder(): { readonly path: (...parts: string[]) => string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-bundles-"));
  return { path: (...parts) => join(folder, ...parts), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export function textFile(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(text));
}

/** The bundle with some of its files replaced, added, or (null) taken away. */
export function withFiles(files: BundleFiles, change: Readonly<Record<string, string | null>>): BundleFiles {
  const changed = new Map(files);
  for (const [name, text] of Object.entries(change)) {
    if (text === null) changed.delete(name);
    else changed.set(name, textFile(text));
  }
  return changed;
}

/** The bundle with another manifest. */
export function withManifest(files: BundleFiles, change: object): BundleFiles {
  const manifest = JSON.parse(Buffer.from(files.get(".manifest") ?? []).toString());
  return withFiles(files, { ".manifest": JSON.stringify({ ...manifest, ...change }) });
}

export function writeFolder(folder: string, files: BundleFiles): void {
  for (const [name, content] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

export interface KeyFiles {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export function keyPair(algorithm: SignatureAlgorithm): KeyFiles {
  const curves: Readonly<Record<string, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };
  const namedCurve = curves[algorithm];
  return namedCurve === undefined
    ? generateKeyPairSync("rsa", { modulusLength: 2048 })
    : generateKeyPairSync("ec", { namedCurve });
}

export function writeKeys(folder: string, { publicKey, privateKey }: KeyFiles): { public: string; private: string } {
  mkdirSync(folder, { recursive: true });
  const files = { public: join(folder, "key.pub"), private: join(folder, "key.pem") };
  writeFileSync(files.public, publicKey.export({ type: "spki", format: "pem" }));
  writeFileSync(
    files.private,
    privateKey.asymmetricKeyType === "ec"
      ? privateKey.export({ type: "sec1", format: "pem" })
      : privateKey.export({ type: "pkcs1", format: "pem" }),
  );
  return files;
}

/** The bundle as the real `opa sign` signs it. */
export function opaSigned(files: BundleFiles, algorithm: SignatureAlgorithm, key: string): BundleFiles {
  const folder = testFolder();
  try {
    writeFolder(folder.path(), files);
    const args = ["sign", "--bundle", ".", "--signing-key", key, "--signing-alg", algorithm];
    const { ok, output } = runOpa(args, { cwd: folder.path() });
    if (!ok) throw new Error(output);
    return readFolder(folder.path());
  } finally {
    folder.remove();
  }
}

/** What the real `opa eval` says of a bundle whose signature it verifies. */
export function opaVerifies(
  files: BundleFiles,
  algorithm: SignatureAlgorithm,
  key: string,
  keyId = "default",
): { readonly ok: boolean; readonly output: string } {
  const folder = testFolder();
  try {
    const bundle = folder.path("bundle.tar.gz");
    writeFileSync(bundle, writeArchive(files));
    // `opa eval` takes no key; `opa build` verifies what it is given before it does anything with it.
    // biome-ignore format: one option, one line
    return runOpa([
      "build", "--bundle", bundle,
      "--v1-compatible",
      "--verification-key", key,
      "--verification-key-id", keyId,
      "--signing-alg", algorithm,
      "--output", folder.path("out.tar.gz"),
    ]);
  } finally {
    folder.remove();
  }
}
