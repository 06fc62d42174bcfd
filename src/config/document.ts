import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { LineCounter, parseDocument } from "yaml";
import type { Fault } from "../errors.ts";
import type { SettingPath } from "./faults.ts";

/** Settings as they were written, not yet checked. */
export type Layer = Readonly<Record<string, unknown>>;

/** Settings that name a file or a folder, or several. Relative ones in the YAML file are meant from that file's own folder. */
const pathSettings: readonly SettingPath[] = [
  ["tls", "certFile"],
  ["tls", "keyFile"],
  ["dataDir"],
  ["policy", "bundle"],
  ["policy", "tokenFile"],
  ["policy", "verification", "keyFile"],
  ["policy", "dataFile"],
  ["audit", "signingKeyFile"],
  ["audit", "outside", "file"],
  ["audit", "outside", "tokenFile"],
  ["authn", "awsKeys", "encryptionKeyFile"],
  ["authn", "awsKeys", "formerEncryptionKeyFiles"],
  ["postgres", "passwordFile"],
  ["postgres", "caFile"],
];

/** Reads the YAML file. Faults name the line, never its content: somebody may have put a secret there. */
export function readDocument(file: string): { layer: Layer; faults: Fault[] } {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${error.code})` : "";
    return {
      layer: {},
      faults: [{ at: file, message: `This file cannot be read${code}: check the path and the permissions.` }],
    };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const faults = [...document.errors, ...document.warnings].map(({ pos, code }) => ({
    at: `${file}:${lines.linePos(pos[0]).line}`,
    message: `This is not the YAML that Lockkeeper reads (${code}): check indentation, quotes and repeated keys.`,
  }));
  if (faults.length > 0) return { layer: {}, faults };
  const content: unknown = document.toJS({ maxAliasCount: 32 });
  if (content === null) return { layer: {}, faults: [] };
  if (!isLayer(content))
    return { layer: {}, faults: [{ at: file, message: "Write settings as `name: value` lines." }] };
  return {
    layer: pathSettings.reduce((layer, path) => resolved(layer, path, dirname(resolve(file))), content),
    faults: [],
  };
}

/** The layer with one setting replaced. What is not a group of settings is left as it is, for the schema to refuse. */
export function withSetting(layer: Layer, path: SettingPath, value: unknown): Layer {
  const [key, ...rest] = path;
  if (key === undefined) return layer;
  if (rest.length === 0) return { ...layer, [key]: value };
  const group = layer[key] ?? {};
  return isLayer(group) ? { ...layer, [key]: withSetting(group, rest, value) } : layer;
}

function resolved(layer: Layer, path: SettingPath, folder: string): Layer {
  const value = path.reduce<unknown>((group, key) => (isLayer(group) ? group[key] : undefined), layer);
  if (Array.isArray(value))
    return withSetting(
      layer,
      path,
      value.map((one) => resolvedPath(one, folder)),
    );
  return value === undefined ? layer : withSetting(layer, path, resolvedPath(value, folder));
}

/** What is no path is left as it is, for the schema to refuse. */
function resolvedPath(value: unknown, folder: string): unknown {
  return typeof value === "string" && value !== "" ? resolve(folder, value) : value;
}

function isLayer(value: unknown): value is Layer {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
