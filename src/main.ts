import { Command, CommanderError } from "commander";
import { readEncryptionKeys } from "./authn/encryption-keys.ts";
import { addAuditCommands } from "./cli/audit.ts";
import { type AwsKeyCommandOptions, createKeyPair, makeEncryptionKey, rotateEncryption } from "./cli/aws-keys.ts";
import { exitCodes } from "./cli/caller.ts";
import { addCallerCommands } from "./cli/caller-commands.ts";
import { configCheck } from "./cli/config-check.ts";
import { health } from "./cli/health.ts";
import { createKey, revokeKey } from "./cli/keys.ts";
import { listKeys } from "./cli/list-keys.ts";
import { addPolicyCommands } from "./cli/policy.ts";
import { runSandboxIam } from "./cli/sandbox-iam.ts";
import { serve } from "./cli/serve.ts";
import { systemClock } from "./clock.ts";
import { loadConfig } from "./config.ts";
import { LockkeeperError } from "./errors.ts";
import { openLogToWrite } from "./open-log.ts";
import { version } from "./version.ts";

const output = {
  print: (line: string) => void process.stdout.write(`${line}\n`),
  note: (line: string) => void process.stderr.write(`${line}\n`),
};

/** The journal of the configured data folder, for one command beside a gateway that may be running. */
async function withJournal(
  { config: file }: { config?: string },
  run: (options: AwsKeyCommandOptions) => Promise<void>,
): Promise<void> {
  const config = loadConfig({ file });
  const { awsKeys } = config.authn;
  const encryption = awsKeys && readEncryptionKeys(awsKeys);
  const journal = await openLogToWrite({ config, owner: config.iam.account }, output.note);
  try {
    await run({ journal, clock: systemClock, output, encryption });
  } finally {
    await journal.close();
  }
}

const configOption = ["--config <file>", "YAML file (default: $LOCKKEEPER_CONFIG)"] as const;
const count = (value: string) => Number.parseInt(value, 10);

const program = new Command("lockkeeper")
  .description("A policy-gated gateway for the status of AWS IAM credentials")
  .version(version)
  .showHelpAfterError();

program
  .command("serve")
  .description("run the gateway")
  .option("--sandbox", "with an IAM of its own on this machine, and well-known tokens")
  .option(...configOption)
  .action(async (options) => {
    process.exitCode = await serve(options);
  });

program
  .command("dev")
  .description("the sandbox for authors of policies: takes each save, and tells what it flips")
  .option("--policies <folder>", "the policies (default: those of Lockkeeper)")
  .option("--data <file>", "the site's data (default: the sandbox's, or data.json in the folder)")
  .option("--hour <hour>", "as if it were this hour, 0 to 23: in a time zone where it is")
  .action(async (options) => {
    // Nothing of it is needed to serve.
    const { dev } = await import("./cli/dev/dev.ts");
    process.exitCode = await dev(options, systemClock, output);
  });

const keys = program.command("keys").description("API keys and AWS key pairs of callers");
keys
  .command("create")
  .description("make a key; it is shown once")
  .requiredOption("--principal <id>", "who it is for")
  .requiredOption("--kind <kind>", "human, service or bot")
  .option("--user-name <name>", "the principal's own IAM user")
  .option("--group <group...>", "groups, seen by policy as lockkeeper#GROUP")
  .option("--ttl <duration>", "how long it is good: 90d, 12h", "90d")
  .option("--aws", "a key pair for AWS CLIs and SDKs", false)
  .option(...configOption)
  .action((options) => withJournal(options, (command) => (options.aws ? createKeyPair : createKey)(command, options)));
keys
  .command("list")
  .description("all keys; never their secrets")
  .option("--json", "for programs", false)
  .option(...configOption)
  .action((options) => withJournal(options, (command) => listKeys(command, options)));
keys
  .command("revoke <id>")
  .description("a running gateway obeys within about a second")
  .option(...configOption)
  .action((id, options) => withJournal(options, (command) => revokeKey(command, id)));

keys
  .command("encryption-key <file>")
  .description("make the key under which secrets of key pairs are encrypted")
  .action((file) => makeEncryptionKey(output, file));
keys
  .command("rotate-encryption")
  .description("encrypt the secrets of all key pairs under the newest key")
  .option(...configOption)
  .action((options) => withJournal(options, rotateEncryption));

addAuditCommands(program, output);
addCallerCommands(program, output);
addPolicyCommands(program, output);

program
  .command("config")
  .description("the configuration")
  .command("check")
  .description("every fault at once, or the effective settings")
  .option(...configOption)
  .action(({ config: file }) => {
    process.exitCode = configCheck({ file }, output.print);
  });

program
  .command("health")
  .description("exit code 0 when the configured gateway answers on this machine")
  .option(...configOption)
  .action(async ({ config: file }) => {
    process.exitCode = (await health(loadConfig({ file }))) ? 0 : 1;
  });

program
  .command("sandbox-iam")
  .description("the sandbox's IAM as a process of its own, for tests and benchmarks")
  .option("--port <port>", "port on 127.0.0.1", count, 0)
  .option("--journal <file>", "append every update to this file (JSON Lines)")
  .option("--extra-users <n>", "users load-0001, … with an access key each", count, 0)
  .action(({ port, journal: journalFile, extraUsers }) =>
    runSandboxIam({ port, journalFile, extraUsers, print: output.print }),
  );

// Set when the commands are there, which would take it over: a verb that is none is bad usage, as with the callers' own.
program.exitOverride();

try {
  await program.parseAsync();
  // Whatever should still be waiting (a hung disk, a socket that nobody reads) is not waited for.
  process.exit();
} catch (error) {
  // The commands of callers throw it, and so does what is no command: not understood, or help was all that was asked for.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? exitCodes.done : exitCodes.usage);
  if (!(error instanceof LockkeeperError)) throw error;
  output.note(`lockkeeper: ${error.message}`);
  process.exit(1);
}
