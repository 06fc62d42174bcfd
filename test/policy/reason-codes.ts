import { globSync, readFileSync } from "node:fs";

const sources = globSync("policies/lockkeeper/**/*.rego")
  .filter((path) => !path.endsWith("_test.rego"))
  .map((path) => readFileSync(path, "utf8"))
  .join("\n");
const roles: readonly string[] = JSON.parse(readFileSync("policies/schemas/site.json", "utf8")).properties.roles
  .properties.groups.additionalProperties.items.enum;

/** Every code that the shipped policies can give as a reason: as they are written, and one for each role that may look. */
export const reasonCodes: readonly string[] = [
  ...new Set([
    ...all(/"code": "([a-z0-9-]+)"/g),
    ...(sources.includes('"code": concat("-", [role, "may-look"])') ? roles.map((role) => `${role}-may-look`) : []),
  ]),
].sort();

/** Every fact that they can ask for. */
export const neededFacts: readonly string[] = [...new Set(all(/^needs contains "([a-z]+)"/gm))].sort();

function all(pattern: RegExp): string[] {
  return [...sources.matchAll(pattern)].map(([, name = ""]) => name);
}
