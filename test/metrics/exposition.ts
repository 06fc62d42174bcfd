/** One sample of Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with its samples, by the name in its TYPE line. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
}

const SAMPLE = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-z_]+)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)/y;

/**
 * Reads text format 0.0.4 strictly: https://prometheus.io/docs/instrumenting/exposition_formats/. Throws for a line that
 * is not of it, a sample outside its metric, or a sample that is there twice.
 */
export function parseExposition(text: string): ReadonlyMap<string, Family> {
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let help: readonly [string, string] | undefined;
  let family: Family | undefined;
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [, kind, name = "", rest = ""] = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line) ?? [];
    if (kind === "HELP") help = [name, rest];
    else if (kind === "TYPE") {
      if (help?.[0] !== name || families.has(name)) throw new Error(`TYPE out of place: ${line}`);
      family = { name, type: rest, help: help[1], samples: [] };
      families.set(name, family);
    } else {
      if (family === undefined || seen.has(line.replace(/ \S+$/, ""))) throw new Error(`a sample too many: ${line}`);
      seen.add(line.replace(/ \S+$/, ""));
      family.samples.push(sampleOf(line, family));
    }
  }
  return families;
}

function sampleOf(line: string, family: Family): Sample {
  const [, name = "", labelText = "", number = ""] = SAMPLE.exec(line) ?? [];
  const suffixes = family.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
  if (!suffixes.some((suffix) => name === family.name + suffix)) throw new Error(`not of ${family.name}: ${line}`);
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < labelText.length) {
    const [, label = "", value = ""] = LABEL.exec(labelText) ?? [];
    if (label === "") throw new Error(`labels that are none: ${line}`);
    labels[label] = value;
  }
  const value = number === "+Inf" ? Number.POSITIVE_INFINITY : Number(number);
  if (number === "" || Number.isNaN(value)) throw new Error(`no number: ${line}`);
  return { name, labels, value };
}

/** The one sample of that name whose labels include these; undefined when there is none. */
export function sample(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const all = [...families.values()].flatMap(({ samples }) => samples);
  const found = all.filter(
    (one) => one.name === name && Object.entries(labels).every(([label, value]) => one.labels[label] === value),
  );
  if (found.length > 1) throw new Error(`${found.length} samples of ${name} have ${JSON.stringify(labels)}`);
  return found[0]?.value;
}
