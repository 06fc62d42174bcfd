import type { Command } from "commander";
import { systemClock } from "../clock.ts";
import { loadConfig } from "../config.ts";
import { auditKey, auditKeygen } from "./audit-keygen.ts";
import { auditPrune } from "./audit-prune.ts";
import { auditReceipt } from "./audit-receipt.ts";
import { auditRecover } from "./audit-recover.ts";
import { auditShow } from "./audit-show.ts";
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
    .action((index, options) => auditShow(output, index, options));

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
