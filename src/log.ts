import { Writable } from "node:stream";
import { type Logger, pino } from "pino";

export type { Logger };

export interface LogOptions {
  readonly level: string;
  /** `auto`: readable lines on a terminal, JSON elsewhere. */
  readonly format: "auto" | "json" | "pretty";
}

/**
 * Names under which secrets travel. Lockkeeper logs named fields only, none of these; should anybody ever hand one over,
 * its value does not get through. Serializers by name cost nothing where the name does not occur; redaction by paths
 * cost an eighth of a denied change.
 */
const secret = ["authorization", "token", "key", "secret", "password", "headers", "body", "cookie"];
const redacted = Object.fromEntries(secret.map((name) => [name, () => "[redacted]"]));

/** Of an error only what is Lockkeeper's own or the runtime's: vendors hang whole requests on theirs. */
function loggedError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack, cause } = error;
  const code = "code" in error ? String(error.code) : undefined;
  return { name, code, message, stack, ...(cause !== undefined && { cause: loggedError(cause) }) };
}

/** The service's log on standard output: one line for each event, JSON for machines or readable for people. */
export function createLog({ level, format }: LogOptions): { readonly log: Logger; flush(): void } {
  const options = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { ...redacted, err: loggedError },
  };
  if (format === "pretty" || (format === "auto" && process.stdout.isTTY === true)) {
    return { log: pino(options, readable(process.stdout)), flush: () => {} };
  }
  // Buffered: a log line must not cost a system call each while changes wait. What counts is in the audit log.
  const destination = pino.destination({ fd: 1, sync: false, minLength: 4096 });
  const timer = setInterval(() => destination.flush(), 250);
  timer.unref();
  return { log: pino(options, destination), flush: () => destination.flushSync() };
}

const colours: Record<string, string> = { warn: "\u001b[33m", error: "\u001b[31m", fatal: "\u001b[31m" };
const RESET = "\u001b[0m";

/** Turns pino's JSON into lines for people. A caller's text cannot steer the terminal: JSON has escaped its controls. */
function readable(out: NodeJS.WriteStream): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const { time, level, msg, ...rest } = JSON.parse(chunk.toString("utf8")) as Record<string, unknown>;
      const clock = String(time).slice(11, 19);
      // A decision's sentence says it all but what became of it.
      const { status, ms } = rest;
      const isSentence = rest["event"] === "decision" || rest["event"] === "what-if";
      const shown = Object.entries(isSentence ? { status, ms } : rest);
      const fields = shown.map(([name, value]) => `${name}=${plain(sentenceOf(value) ?? value)}`);
      const line = [clock, String(level) === "info" ? "" : String(level).toUpperCase(), plain(msg), ...fields];
      const colour = out.hasColors?.() ? (colours[String(level)] ?? "") : "";
      out.write(`${colour}${line.filter((part) => part !== "").join("  ")}${colour && RESET}\n`, done);
    },
  });
}

/** Errors that Lockkeeper words for people: where in its code they were made says nothing to them. */
const worded = ["BundleRefusal", "LockkeeperError"];

/** What an error that {@link loggedError} wrote says, and those that it came from, each sentence once. */
function sentenceOf(value: unknown): string | undefined {
  const sentences = new Set<string>();
  let error = value;
  while (isLogged(error) && (sentences.size > 0 || worded.includes(error.name))) {
    const { message, cause } = error;
    if (![...sentences].some((said) => said.includes(message))) sentences.add(message);
    error = cause;
  }
  return sentences.size === 0 ? undefined : [...sentences].join(" <- ");
}

function isLogged(value: unknown): value is { name: string; message: string; cause?: unknown } {
  return (
    typeof value === "object" &&
    value !== null &&
    "name" in value &&
    typeof value.name === "string" &&
    "message" in value &&
    typeof value.message === "string"
  );
}

function plain(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not reach the terminal
  return (text ?? "").replace(/[\u0000-\u001f\u007f-\u009f]/g, "\ufffd");
}
