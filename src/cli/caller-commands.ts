import { type Command, Option } from "commander";
import { systemClock } from "../clock.ts";
import type { Output } from "./keys.ts";
import { accessKey, credentials, showChange, whoAmI } from "./look-up.ts";
import { setStatus } from "./set-status.ts";

/** `lockkeeper set-status|change|credentials|access-key|whoami`: what callers do, over HTTP, with any gateway. */
export function addCallerCommands(program: Command, output: Output): void {
  const options = { output, clock: systemClock };
  // Bad usage has an exit code of its own here, so it is thrown for main to see.
  const command = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .option("--url <url>", "the gateway (default: $LOCKKEEPER_URL)")
      .option("--token-file <file>", "file with an API key or access token (default: $LOCKKEEPER_TOKEN itself)")
      .option("--json", "for programs: the API's own answer", false)
      .exitOverride();

  command("set-status", "switch a credential on or off, if policy allows it")
    .addOption(
      new Option("--type <type>", "what it is")
        .choices(["signing-certificate", "service-specific-credential", "access-key", "ssh-public-key"])
        .makeOptionMandatory(),
    )
    .requiredOption("--id <id>", "its id at IAM")
    .addOption(
      new Option("--status <status>", "what it shall be").choices(["Active", "Inactive"]).makeOptionMandatory(),
    )
    .option("--user-name <name>", "whose it is (default: the caller's own IAM user, if there is one)")
    .option("--reason <text>", "for those who read the audit log")
    .option("--ticket <id>", "such as SEC-123")
    .option("--on-behalf-of <person>", "for whom a bot asks")
    .option("--idempotency-key <key>", "of an earlier try: the same change then, never a second one")
    .option("--dry-run", "only ask whether it would be allowed", false)
    .action(async (typed) => {
      process.exitCode = await setStatus(options, typed);
    });
  command("change <id>", "what became of a change").action(async (id, typed) => {
    process.exitCode = await showChange(options, id, typed);
  });
  command("credentials <user>", "what an IAM user has, with its status").action(async (user, typed) => {
    process.exitCode = await credentials(options, user, typed);
  });
  command("access-key <id>", "whose access key it is").action(async (id, typed) => {
    process.exitCode = await accessKey(options, id, typed);
  });
  command("whoami", "who the gateway takes you for").action(async (typed) => {
    process.exitCode = await whoAmI(options, typed);
  });
}
