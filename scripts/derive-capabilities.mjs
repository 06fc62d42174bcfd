#!/usr/bin/env node
// Derives policies/capabilities.json: the built-ins that a policy may call because they are part of the WebAssembly
// that OPA compiles, and answer there as they do in OPA. All others compile as well. Those that are left to the host fail
// when they are called, for @open-policy-agent/opa-wasm throws, or has one of its own that answers otherwise (sprintf).
//   node scripts/derive-capabilities.mjs [--check]
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { gunzipSync } from "node:zlib";
import { root } from "./node24.mjs";
import { runOpa } from "./opa.mjs";

const path = join(root, "policies", "capabilities.json");

/** Refused by Rego v1 as deprecated, though `opa capabilities` does not mark all of them. */
const DEPRECATED = new Set(
  "all any cast_array cast_boolean cast_null cast_object cast_set cast_string net.cidr_overlap re_match set_diff".split(
    " ",
  ),
);
/** Debugging aids: `opa build` takes them out or the host would print them. */
const DEBUGGING = new Set(["print", "internal.print", "trace"]);
/** In the WebAssembly of OPA 0.70, but not as in OPA. test/policy/capabilities.test.ts compares all others. */
const UNLIKE_OPA = new Set([
  // never return when what is to be replaced is empty
  ...["replace", "strings.replace_n"],
  // take malformed text, and one of them throws
  ...["base64.decode", "base64.is_valid", "base64url.decode", "json.is_valid", "json.unmarshal", "to_number"],
  // read outside their memory on an empty path
  ...["json.filter", "json.remove"],
  // write the keys of an object in no order
  "json.marshal",
  // differ on negative fractions, large numbers, null, empty text, no objects, ends beyond the text
  ...["ceil", "floor", "bits.rsh", "format_int", "min", "indexof", "object.union_n", "substring"],
  "regex.find_all_string_submatch_n",
]);
/** Syntax rather than functions (`:=`, `=`, `in`, `walk` as a relation); the compiler turns them into plain WebAssembly. */
const SYNTAX = new Set(["assign", "eq", "internal.member_2", "internal.member_3", "walk"]);

function deriveCapabilities() {
  const current = JSON.parse(opa(["capabilities", "--current"]));
  const candidates = current.builtins.filter(
    ({ name }) => !DEPRECATED.has(name) && !DEBUGGING.has(name) && !UNLIKE_OPA.has(name),
  );
  const host = builtinsLeftToHost(candidates.filter(({ name }) => !SYNTAX.has(name)));
  const builtins = candidates
    .filter(({ name }) => !host.has(name))
    .map(({ name, infix, decl, relation }) => ({ name, decl: undocumented(decl), infix, relation }));
  const { future_keywords, features } = current;
  return { builtins, future_keywords, features, allow_net: [] };
}

/** A declaration's types, without the names and descriptions of arguments and results. */
function undocumented(decl) {
  const { name, description, ...type } = decl;
  const entries = Object.entries(type).map(([key, value]) => {
    if (Array.isArray(value)) return [key, value.map((each) => (isObject(each) ? undocumented(each) : each))];
    return [key, isObject(value) ? undocumented(value) : value];
  });
  return Object.fromEntries(entries);
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Compiles one call of each built-in and reads from the module which of them it expects its host to provide. */
function builtinsLeftToHost(builtins) {
  const calls = builtins.map(({ name, infix, decl }, i) => {
    const args = (decl.args ?? []).map((_, n) => `input[${n}]`);
    return `r${i} := ${infix ? args.join(` ${infix} `) : `${name}(${args.join(", ")})`}`;
  });
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-capabilities-"));
  try {
    writeFileSync(join(folder, "probe.rego"), ["package probe", "import rego.v1", ...calls, ""].join("\n"));
    opa(["build", "-t", "wasm", "--v1-compatible", "-e", "probe", "-o", join(folder, "bundle.tar.gz"), folder]);
    return new Set(Object.keys(declaredBuiltins(wasmIn(join(folder, "bundle.tar.gz")))));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The `builtins` export answers with the address of a JSON object: name to number (OPA's WebAssembly ABI 1.x). */
function declaredBuiltins(wasm) {
  const memory = new WebAssembly.Memory({ initial: 5 });
  const module = new WebAssembly.Module(wasm);
  const host = Object.fromEntries(
    WebAssembly.Module.imports(module).map(({ name, kind }) => [name, kind === "memory" ? memory : () => 0]),
  );
  const { exports } = new WebAssembly.Instance(module, { env: host });
  const address = exports.opa_json_dump(exports.builtins());
  const bytes = new Uint8Array(memory.buffer, address);
  return JSON.parse(new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0))));
}

/** The module out of a bundle that OPA has just written: blocks of 512 bytes, name first, octal size at 124. */
function wasmIn(bundle) {
  const tar = gunzipSync(readFileSync(bundle));
  for (let at = 0; at + 512 <= tar.length; ) {
    const name = tar.toString("latin1", at, at + 100).split("\0")[0];
    const size = Number.parseInt(tar.toString("latin1", at + 124, at + 136), 8);
    if (name === "/policy.wasm") return tar.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil((size || 0) / 512) * 512;
  }
  throw new Error(`${bundle} holds no /policy.wasm`);
}

function opa(args) {
  const { ok, output } = runOpa(args);
  if (!ok) throw new Error(output);
  return output;
}

const derived = deriveCapabilities();
if (!process.argv.includes("--check")) {
  writeFileSync(path, `${JSON.stringify(derived, null, 2)}\n`);
} else if (!isDeepStrictEqual(JSON.parse(readFileSync(path, "utf8")), JSON.parse(JSON.stringify(derived)))) {
  console.error("policies/capabilities.json is not what this compiler gives: run node scripts/derive-capabilities.mjs");
  process.exitCode = 1;
}
