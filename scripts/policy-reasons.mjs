// Plain JavaScript that Node 20 can read: which rule of a folder of policies gives which reason.
import { runOpa } from "./opa.mjs";

/**
 * The rules that give reasons, by the reasons' codes, as OPA parses the files. A code that is written out is read from
 * the rule; one that is computed is said by the rule's METADATA: `custom: { codes: [...] }`.
 * @param {string} folder
 * @param {readonly string[]} files of Rego in it; locations name them like this
 * @returns {{ rules: Set<string>, reasons: Record<string, Rule[]>, unsaid: Rule[] }} every rule's name; the rules of
 *   each code; rules that compute a code and do not say which
 * @throws {Error} with OPA's own message when a file is no Rego
 *
 * @typedef {{ rule: string, file: string, line: number }} Rule
 */
export function reasonsIn(folder, files) {
  const rules = new Set();
  const found = new Map();
  const unsaid = [];
  for (const file of files) {
    const module = parse(folder, file);
    const path = module.package.path.map(({ value }) => value);
    for (const rule of module.rules ?? []) {
      const name = [...path, ...constantPart(rule.head)].join(".");
      rules.add(name);
      const said = codesSaid(rule);
      for (const { code, line } of reasonsOf(rule)) {
        if (code !== undefined) add(found, code, { rule: name, file, line });
        else if (said === undefined) unsaid.push({ rule: name, file, line });
      }
      for (const code of said ?? []) add(found, code, { rule: name, file, line: rule.head.location.row });
    }
  }
  const reasons = Object.fromEntries([...found].sort(([one], [other]) => (one < other ? -1 : 1)));
  return { rules, reasons, unsaid };
}

function parse(folder, file) {
  const options = ["--v1-compatible", "--format", "json", "--json-include", "locations,-comments"];
  const { ok, output } = runOpa(["parse", ...options, file], { cwd: folder });
  // `opa parse` tells its errors to programs, `opa check` to people.
  if (!ok) throw new Error(runOpa(["check", "--v1-compatible", file], { cwd: folder }).output.trim());
  return JSON.parse(output);
}

/** A head such as `allow`, or `p.q[x]` up to where it varies. */
function constantPart({ ref, name }) {
  if (ref === undefined) return [name];
  const varies = ref.findIndex(({ type }, at) => at > 0 && type !== "string");
  return ref.slice(0, varies === -1 ? ref.length : varies).map(({ value }) => value);
}

/** The codes that annotations of the rule name; undefined when none says anything of codes. */
function codesSaid({ annotations = [] }) {
  const lists = annotations.map(({ custom }) => custom?.codes).filter(Array.isArray);
  return lists.length === 0 ? undefined : lists.flat().filter((code) => typeof code === "string");
}

/** Objects with a code and a message, wherever in the rule they are; those after `else` have its line. */
function reasonsOf(rule) {
  const { else: otherwise, head, body } = rule;
  const here = reasonObjects([head, body]).map((code) => ({ code, line: head.location.row }));
  return otherwise === undefined ? here : [...here, ...reasonsOf(otherwise)];
}

/** @returns the codes, undefined for those that are not written out */
function reasonObjects(node) {
  if (typeof node !== "object" || node === null) return [];
  const within = Object.values(node).flatMap(reasonObjects);
  if (node.type !== "object" || !Array.isArray(node.value)) return within;
  const code = valueAt(node.value, "code");
  if (code === undefined || valueAt(node.value, "message") === undefined) return within;
  return [code.type === "string" ? code.value : undefined, ...within];
}

function valueAt(entries, name) {
  return entries.find(([key]) => key.type === "string" && key.value === name)?.[1];
}

function add(found, code, rule) {
  const rules = found.get(code) ?? [];
  if (!rules.some(({ file, line }) => file === rule.file && line === rule.line)) rules.push(rule);
  found.set(code, rules);
}
