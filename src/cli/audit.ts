import type { Command } from "commander";
import { systemClock } from "../clock.ts";
import { loadConfig } from "../config.ts";
import { auditExport } from "./audit-export.ts";
import { auditKey, auditKeygen } from "./audit-keygen.ts";
import { auditPrune } from "./audit-prune.ts";
import { auditReceipt } from "./audit-receipt.ts";
import { auditRecover } from "./audit-recover.ts";
import { auditShow } from "./audit-show.ts";
import { auditVerify } from "./audit-verify.ts";
import { stopSignal } from "./end.ts";
import type { Output } from "./keys.ts";

const count = (value: string) => Number.parseInt(value, 10);
const several = (value: string, before: readonly string[]) => [...before, value];

/** `lockkeeper audit …`: what operators and outsiders do with the log. */
export function addAuditCommands(program: Command, output: Output): void {
  const audit = program.command("audit").description("the audit log");

  audit
    .command("show [index]")
    .description("one record, or the newest, as JSON; beside a running gateway too")
    .option("--last <n>", "how many of the newest", count, 1)
    .option("--data-dir <folder>", "where the log is", "data")
    .option("--config <file>", "YAML file that says where the log is")
    .action((index, options) => auditShow(output, index, options));

  audit
    .command("verify [where]")
    .description("verify a log: a database file, a data folder or an export; by default the configured log")
    .option("--key <vkey>", "public key of the log; may be repeated (default: those of --config)", several, [])
    .option("--key-file <file>", "file of public keys, one a line; may be repeated", several, [])
    .option("--receipt <file>", "a receipt that the log gave; may be repeated", several, [])
    .option("--checkpoint <file>", "a checkpoint that the log had; may be repeated", several, [])
    .option("--origin <name>", "which log it must be (default: the one of --config)")
    .option("--json", "for programs", false)
    .option("--config <file>", "YAML file (default: $LOCKKEEPER_CONFIG, where no log is named)")
    .action(async (where, options) => {
      process.exitCode = await auditVerify({ clock: systemClock, output }, { ...options, where });
    });

  audit
    .command("export [where]")
    .description("copy a log into a folder that verifies anywhere, or its events as lines for a SIEM")
    .option("--format <format>", "tiles: the folder; ocsf: OCSF events as JSON Lines", "tiles")
    .option("--out <path>", "the folder; of ocsf a file (default: standard output)")
    .option("--from <index>", "ocsf: first record, as the run before has told it")
    .option("--code <code>", "ocsf: only events of this code, such as credential.status.denied")
    .option("--since <time>", "ocsf: only events from this time on, such as 2026-11-21T09:30:00Z")
    .option("--until <time>", "ocsf: only events before this time")
    .option("--user <name>", "ocsf: only events about credentials of this IAM user")
    .option("--follow", "ocsf: go on with what is appended, until stopped")
    .option("--config <file>", "YAML file (default: $LOCKKEEPER_CONFIG, where no log is named)")
    .action(async (where, options) => {
      const stopped = new AbortController();
      if (options.follow === true) void stopSignal().then(() => stopped.abort());
      const { stdout } = process;
      await auditExport({ clock: systemClock, output, stdout, signal: stopped.signal }, { ...options, where });
    });

  audit
    .command("keygen")
    .description("make the key that signs a log, in a new file; its public key is printed")
    .requiredOption("--origin <name>", "the log's name, like a URL without its scheme: example.com/lockkeeper")
    .requiredOption("--out <file>", "where to keep the key")
    .action((options) => auditKeygen(output, options));

  audit
    .command("key <file>")
    .description("the public key of a signing key")
    .action((file) => auditKey(output, file));

  audit
    .command("receipt <file>")
    .description("check a receipt, a .tlog-proof or a reply with one, with the log's public key alone")
    .option("--key <vkey>", "public key of the log, or of a witness; may be repeated", several, [])
    .option("--key-file <file>", "file of public keys, one a line")
    .option("--record <file>", "the record's bytes, for a receipt that does not carry them")
    .option("--json", "for programs", false)
    .action((file, options) => {
      process.exitCode = auditReceipt(output, file, options);
    });

  audit
    .command("prune")
    .description("drop the bodies of old records, beside a running gateway; their hashes stay")
    .requiredOption("--before <time>", "2026-01-31, 2026-01-31T12:00:00Z, 90d, 48h")
    .option("--dry-run", "only say what would be dropped", false)
    .option("--config <file>", "YAML file (default: $LOCKKEEPER_CONFIG)")
    .action(({ config, ...options }) =>
      auditPrune({ config: loadConfig({ file: config }), clock: systemClock, output }, options),
    );

  audit
    .command("recover")
    .description("the way out when a gateway refuses its log: seal that one, and begin another")
    .requiredOption("--reason <text>", "why; it becomes part of the new log's first record")
    .option("--config <file>", "YAML file (default: $LOCKKEEPER_CONFIG)")
    .action(({ config, ...options }) =>
      auditRecover({ config: loadConfig({ file: config }), clock: systemClock, output }, options),
    );
}
