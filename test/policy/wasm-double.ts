import { createHash } from "node:crypto";
import type { Bundle } from "../../src/policy/bundle.ts";

/**
 * A real WebAssembly module with OPA's interface (ABI 1.2) that answers with any text at all, also with what no Rego
 * compiles to: two results, or no JSON. Inputs of at most `shortInput` bytes, such as the one that a bundle is tried on,
 * get a proper denial.
 */
export function bundleAnswering(text: string, shortInput: number): Bundle {
  return double(text, (answer, denied) => [
    ...constant(answer),
    ...constant(denied),
    ...LOCAL_4,
    ...constant(shortInput),
    GT_U,
    SELECT,
  ]);
}

/** The same that traps on inputs of more than `shortInput` bytes, as a compiler's mistake would. */
export function bundleTrapping(trap: keyof typeof traps, shortInput: number): Bundle {
  return double("", (_, denied) => [
    ...LOCAL_4,
    ...constant(shortInput),
    GT_U,
    ...[IF, NOTHING, ...traps[trap], END],
    ...constant(denied),
  ]);
}

/** @param evaluate the code of `opa_eval`, given the addresses of the text and of the denial */
function double(text: string, evaluate: (answer: number, denied: number) => number[]): Bundle {
  const denial = '[{"result":{"allow":false,"reasons":[{"code":"short-input","message":"Denied."}],"obligations":[]}}]';
  const strings = ["{}", '{"lockkeeper/decision":0}', denial, text];
  const addresses: number[] = [];
  let next = 1024;
  for (const each of strings) {
    addresses.push(next);
    next += Buffer.byteLength(each) + 1;
  }
  const [builtins = 0, entrypoints = 0, denied = 0, answer = 0] = addresses;
  const heap = 256 * 1024;

  const functions: readonly [name: string, parameters: number, result: boolean, body: number[]][] = [
    ["opa_malloc", 1, true, constant(heap)],
    ["opa_json_parse", 2, true, constant(8)],
    ["opa_json_dump", 1, true, LOCAL_0],
    ["opa_heap_ptr_get", 0, true, constant(heap)],
    ["opa_heap_ptr_set", 1, false, []],
    ["builtins", 0, true, constant(builtins)],
    ["entrypoints", 0, true, constant(entrypoints)],
    ["opa_eval", 7, true, evaluate(answer, denied)],
  ];
  const versions: readonly [name: string, value: number][] = [
    ["opa_wasm_abi_version", 1],
    ["opa_wasm_abi_minor_version", 2],
  ];
  // https://webassembly.github.io/spec/core/binary/modules.html
  const code = Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(
      1,
      functions.map(([, parameters, result]) => [
        0x60,
        ...vector(Array(parameters).fill([I32])),
        ...vector(result ? [[I32]] : []),
      ]),
    ),
    ...section(2, [[...name("env"), ...name("memory"), 0x02, 0x00, 0x05]]),
    ...section(
      3,
      functions.map((_, i) => unsigned(i)),
    ),
    ...section(
      6,
      versions.map(([, value]) => [I32, 0x00, ...constant(value), END]),
    ),
    ...section(7, [
      ...functions.map(([export_], i) => [...name(export_), 0x00, ...unsigned(i)]),
      ...versions.map(([export_], i) => [...name(export_), 0x03, ...unsigned(i)]),
    ]),
    ...section(
      10,
      functions.map(([, , , body]) => sized([0x00, ...body, END])),
    ),
    ...section(
      11,
      strings.map((each, i) => [0x00, ...constant(addresses[i] ?? 0), END, ...sized([...Buffer.from(`${each}\0`)])]),
    ),
  ]);
  return {
    revision: "double",
    wasmDigest: createHash("sha256").update(code).digest("hex"),
    module: new WebAssembly.Module(code),
    roots: ["lockkeeper"],
    dataSchemas: {},
  };
}

const I32 = 0x7f;
const END = 0x0b;
const SELECT = 0x1b;
const GT_U = 0x4b;
const IF = 0x04;
const NOTHING = 0x40;
const UNREACHABLE = 0x00;
const CALL = 0x10;
const DROP = 0x1a;
const DIVIDE = 0x6d;
const LOAD = [0x28, 0x02, 0x00];
/** `opa_eval`, the last of the double's own functions: none is imported. */
const EVALUATE = 7;
const LOCAL_0 = [0x20, 0x00];
const LOCAL_4 = [0x20, 0x04];

const traps = {
  unreachable: [UNREACHABLE],
  "a division by zero": [...constant(1), ...constant(0), DIVIDE, DROP],
  "memory that is not there": [...constant(-4), ...LOAD, DROP],
  "no end of recursion": [...Array.from({ length: 7 }, () => LOCAL_4).flat(), CALL, EVALUATE, DROP],
} as const;

function constant(value: number): number[] {
  return [0x41, ...signed(value)];
}

function section(id: number, entries: readonly number[][]): number[] {
  return [id, ...sized(vector(entries))];
}

function vector(entries: readonly number[][]): number[] {
  return [...unsigned(entries.length), ...entries.flat()];
}

function sized(bytes: number[]): number[] {
  return [...unsigned(bytes.length), ...bytes];
}

function name(text: string): number[] {
  return sized([...Buffer.from(text)]);
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** LEB128. */
function signed(value: number): number[] {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}
