import type { Command } from "commander";
import { auditShow } from "./audit-show.ts";
import type { Output } from "./keys.ts";

const count = (value: string) => Number.parseInt(value, 10);

/** `lockkeeper audit …`: what operators and outsiders do with the log. */
export function addAuditCommands(program: Command, output: Output): void {
  const audit = program.command("audit").description("the audit log");

  audit
    .command("show [index]")
    .description("one record, or the newest, as JSON; beside a running gateway too")
    .option("--last <n>", "how many of the newest", count, 1)
    .option("--data-dir <folder>", "where the log is", "data")
    .action((index, options) => auditShow(output, index, options));
}
