import type { Command } from "commander";
import { systemClock } from "../clock.ts";
import { untilTaken } from "./end.ts";
import type { Output } from "./keys.ts";
import { addBundleCommands } from "./policy-bundle-commands.ts";
import { policyExplain } from "./policy-explain.ts";
import { policyReplay } from "./policy-replay.ts";

const several = (value: string, before: readonly string[]) => [...before, value];

/** `lockkeeper policy …`: what authors and reviewers do with policies. */
export function addPolicyCommands(program: Command, output: Output): void {
  const policy = program.command("policy").description("the policies");

  addBundleCommands(policy, output);

  policy
    .command("explain [where]")
    .description(
      "what policies decide on an input or a change of a log, by which rules, and what would be needed; where as for replay",
    )
    .requiredOption("--bundle <file>", "the policies, a bundle.tar.gz")
    .requiredOption("--data <file>", "the data to decide by")
    .option("--input <file>", "JSON: a policy input, or a record of the log")
    .option("--change <id>", "a status change of the log")
    .option("--own-user <name>", "an IAM user of the gateway's own; may be repeated", several, [])
    .option("--json", "for programs")
    .option("--config <file>", "YAML file that says where the log is (default: $LOCKKEEPER_CONFIG)")
    .action((where, options) => policyExplain(output, { ...options, where }));

  policy
    .command("replay [where]")
    .description(
      "which decisions of a log would flip: a database file, a data folder or an export; by default the configured log",
    )
    .requiredOption("--bundle <file>", "the policies to try, a bundle.tar.gz")
    .option("--data <file>", "the data to try them with (default: policy.dataFile of the configuration)")
    .option("--since <time>", "only decisions from this time on, such as 2026-11-21T09:30:00Z")
    .option("--until <time>", "only decisions before this time")
    .option("--user <name>", "only about credentials of this IAM user")
    .option("--principal <id>", 'only of this principal: its id, or "ISSUER ID"')
    .option(
      "--own-user <name>",
      "an IAM user of the gateway's own; may be repeated (default: as configured and on record)",
      several,
      [],
    )
    .option(
      "--fail-on <flip>",
      "exit code 1 when there is one, or nothing to judge: allow-to-deny, deny-to-allow; may be repeated",
      several,
      [],
    )
    .option("--format <format>", "table, json, or markdown for a pull request", "table")
    .option("--limit <n>", "groups to show (default: 20, of json all)")
    .option("--config <file>", "YAML file (default: $LOCKKEEPER_CONFIG, where no log and no data is named)")
    .action(async (where, options) => {
      process.exitCode = await untilTaken(process.stdout, () =>
        policyReplay({ clock: systemClock, output }, { ...options, where }),
      );
    });
}
