import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { configCheck } from "../../src/cli/config-check.ts";
import { CALLER_VARIABLES, environmentSettings } from "../../src/config/environment.ts";
import { settingName } from "../../src/config/faults.ts";
import { configSchema } from "../../src/config/schema.ts";

const docs = new URL("../../docs/", import.meta.url);
const reference = readFileSync(new URL("configuration.md", docs), "utf8");

const node = z.object({
  description: z.string().optional(),
  default: z.unknown().optional(),
  enum: z.array(z.string()).optional(),
  items: z.unknown().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  required: z.array(z.string()).optional(),
});

/** The table of docs/configuration.md as the schema would have it: a line for each setting. */
function rows(schema: unknown, path: string, required: boolean): string[] {
  const { description, default: preset, enum: choices, items, properties, required: needed = [] } = node.parse(schema);
  if (properties !== undefined) {
    return Object.entries(properties).flatMap(([key, child]) =>
      rows(child, path === "" ? key : `${path}.${key}`, needed.includes(key)),
    );
  }
  const value = preset === undefined ? (required ? "required" : "none") : `\`${JSON.stringify(preset)}\``;
  const variables = Object.entries(environmentSettings)
    .filter(([, [setting]]) => path === settingName(setting) || path.startsWith(`${settingName(setting)}.`))
    .map(([name]) => `\`${name}\``);
  const among = choices === undefined ? "" : ` One of ${choices.map((choice) => `\`${choice}\``).join(", ")}.`;
  const row = `| \`${path}\` | ${value} | ${variables.join(", ")} | ${description}${among} |`;
  const entry = items === undefined ? undefined : node.parse(items);
  return [row, ...(entry?.properties === undefined ? [] : rows(items, `${path}[]`, false))];
}

describe("docs/configuration.md", () => {
  test("has a line for each setting, with its default and its variable, and no other", () => {
    const documented = reference.split("\n").filter((line) => /^\| `[a-z]/.test(line));
    const expected = rows(z.toJSONSchema(configSchema, { io: "input" }), "", false);
    expect(expected.filter((row) => row.includes("undefined"))).toEqual([]);
    expect(documented).toEqual(expected);
  });

  test("names every variable", () => {
    for (const name of [...Object.keys(environmentSettings), "LOCKKEEPER_CONFIG"])
      expect(reference).toContain(`\`${name}\``);
  });

  test("names no variable that does not exist", () => {
    const named = new Set(reference.match(/\bLOCKKEEPER_[A-Z_]+\b/g));
    const others = ["LOCKKEEPER_CONFIG", "LOCKKEEPER_IAM_ACCOUNT_FILE", ...Object.values(CALLER_VARIABLES)];
    const known = new Set([...Object.keys(environmentSettings), ...others]);
    expect([...named].filter((name) => !known.has(name))).toEqual([]);
  });
});

describe("docs/lockkeeper.example.yaml", () => {
  const file = new URL("lockkeeper.example.yaml", docs).pathname;

  test("passes config check", () => {
    const printed: string[] = [];
    const env = { LOCKKEEPER_POLICY_DATA_FILE: "policies/data.json" };
    const code = configCheck({ file, env, readable: () => true }, (line) => printed.push(line));
    expect(printed.join("\n")).toMatch(/^ok\n[\s\S]*account: "123456789012"[\s\S]*\ndigest: [0-9a-f]{64}$/);
    expect(code).toBe(0);
  });

  test("fails config check where its files are missing, with each of them named", () => {
    const printed: string[] = [];
    const code = configCheck({ file, env: {}, readable: () => false }, (line) => printed.push(line));
    expect(printed.join("\n")).toContain("The configuration has 4 faults:\n  tls.certFile: ");
    expect(code).toBe(1);
  });
});
