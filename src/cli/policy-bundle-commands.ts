import type { Command } from "commander";
import { systemClock } from "../clock.ts";
import type { Output } from "./keys.ts";
import { policyBuild } from "./policy-build.ts";
import { policySign, policyTest, policyVerify } from "./policy-bundle.ts";
import { policyCheck } from "./policy-check.ts";
import { policyNew } from "./policy-new.ts";

/** `lockkeeper policy new|check|build|sign|verify|test`: what authors do before a gateway takes a bundle. */
export function addBundleCommands(policy: Command, output: Output): void {
  policy
    .command("new <folder>")
    .description("write a small policy with its tests, to start from")
    .action((folder) => policyNew(output, folder));

  policy
    .command("check [folder]")
    .description("format, strict check against the schemas, tests with full coverage")
    .action(async (folder) => {
      process.exitCode = await policyCheck(output, folder ?? "policies");
    });

  policy
    .command("build [folder]")
    .description("compile policies to a bundle")
    .option("--out <file>", "the bundle", "bundle.tar.gz")
    .option("--revision <name>", "its revision (default: from the sources)")
    .option("--created-at <time>", "of two bundles the later one is the newer (default: now)")
    .action((folder, options) => policyBuild(output, systemClock, { folder: folder ?? "policies", ...options }));

  policy
    .command("sign <bundle>")
    .description("sign a bundle, a file or a folder, as OPA does")
    .requiredOption("--key <file>", "private key in PEM; for HS* the secret")
    .option("--algorithm <name>", "ES256, RS256, PS256, HS256, …", "ES256")
    .option("--key-id <id>", "the key's id, named in the signature")
    .option("--scope <scope>", "what the bundle is for, named in the signature")
    .action((bundle, options) => policySign(output, bundle, options));

  policy
    .command("verify <bundle>")
    .description("check a bundle's signature and print what is in it")
    .requiredOption("--key <file>", "public key in PEM; for HS* the secret")
    .option("--algorithm <name>", "ES256, RS256, PS256, HS256, …", "ES256")
    .option("--key-id <id>", "the key that the signature must name, if it names one")
    .option("--scope <scope>", "what the signature must say that it is for")
    .action((bundle, options) => policyVerify(output, bundle, options));

  policy
    .command("test <bundle>")
    .description("put the bundle's own self-test before it, and try it as a gateway does")
    .action((bundle) => {
      process.exitCode = policyTest(output, bundle);
    });
}
