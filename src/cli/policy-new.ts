import { cpSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LockkeeperError } from "../errors.ts";
import { checkoutOnly } from "./checkout-only.ts";
import type { Output } from "./keys.ts";

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const template = at("templates/policy");
/** What Lockkeeper asks is the same for every policy. */
const inputSchema = at("policies/schemas/input.json");

/**
 * `lockkeeper policy new FOLDER`: writes a small policy that works, with its tests, schemas, data and self-test.
 * @param folder that does not exist yet, or is empty
 * @throws LockkeeperError with a sentence for the terminal; nothing of the folder was changed then
 */
export function policyNew(output: Output, folder: string): void {
  if (!existsSync(template)) throw checkoutOnly("A new policy is written", "templates/ is not here");
  if (!isFree(folder)) {
    const message = `${folder} is there already and not empty: name another folder. Nothing was written.`;
    throw new LockkeeperError("configuration", message);
  }
  try {
    mkdirSync(folder, { recursive: true });
    cpSync(template, folder, { recursive: true, errorOnExist: true, force: false });
    cpSync(inputSchema, join(folder, "schemas", "input.json"), { errorOnExist: true, force: false });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LockkeeperError("configuration", `${folder} cannot be written: ${why}`, {}, { cause });
  }
  output.print(
    `${folder}: a policy, its test, schemas, data and self-test; ${join(folder, "README.md")} says how to go on`,
  );
}

function isFree(folder: string): boolean {
  try {
    return readdirSync(folder).length === 0;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ENOENT";
  }
}
