import { readFileSync } from "node:fs";
import { createClient, type LockkeeperClient, LockkeeperProblem, LockkeeperUnanswered } from "../client/client.ts";
import type { Clock } from "../clock.ts";
import type { Environment } from "../config/environment.ts";
import { callerSettings } from "../config.ts";
import { problemLines, unansweredLines } from "./caller-errors.ts";
import type { Output } from "./keys.ts";

/** How the commands of callers end, as the AWS CLI's do. */
export const exitCodes = {
  done: 0,
  /** The command line cannot be understood; nothing was sent. */
  usage: 252,
  /** There is no gateway or no token to ask with; nothing was sent. */
  notTried: 253,
  /** Lockkeeper said no, and what was asked for has certainly changed nothing. */
  refused: 254,
  /** Anything else, above all: nobody knows. */
  unknown: 255,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What every command of a caller takes. */
export interface CallerArguments {
  readonly url?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly json?: boolean | undefined;
}

export interface CallerOptions {
  readonly output: Output;
  readonly clock: Clock;
  readonly env?: Environment | undefined;
}

/** Nothing was sent, because it cannot even be tried; the message says what is missing. */
class NotTried extends Error {}

/**
 * Asks the gateway that the command line or the environment names, and tells what went wrong.
 * @param ask prints what came of it
 * @returns the exit code
 */
export async function asCaller(
  { output, clock, env }: CallerOptions,
  typed: CallerArguments,
  ask: (client: LockkeeperClient) => Promise<ExitCode>,
): Promise<ExitCode> {
  try {
    return await ask(clientOf(typed, clock, env));
  } catch (error) {
    if (error instanceof NotTried) {
      output.note(`lockkeeper: ${error.message}`);
      return exitCodes.notTried;
    }
    if (error instanceof LockkeeperProblem) {
      if (typed.json === true) output.print(JSON.stringify(error.change ?? error, undefined, 2));
      for (const line of problemLines(error)) output.note(line);
      return error.nothingChanged ? exitCodes.refused : exitCodes.unknown;
    }
    if (error instanceof LockkeeperUnanswered) {
      for (const line of unansweredLines(error)) output.note(line);
      return exitCodes.unknown;
    }
    // A name that cannot stand in a URL.
    if (!(error instanceof TypeError)) throw error;
    output.note(`lockkeeper: ${error.message}`);
    return exitCodes.usage;
  }
}

function clientOf({ url, tokenFile }: CallerArguments, clock: Clock, env?: Environment): LockkeeperClient {
  const settings = callerSettings(env);
  const baseUrl = url ?? settings.url;
  if (baseUrl === undefined)
    throw new NotTried("Say which gateway to ask: --url https://lockkeeper.example, or LOCKKEEPER_URL.");
  const token = tokenFile === undefined ? settings.token : tokenIn(tokenFile);
  if (token === undefined)
    throw new NotTried("Say who you are: LOCKKEEPER_TOKEN, or --token-file FILE. (Others could see an argument.)");
  try {
    return createClient({ baseUrl, token, clock });
  } catch (error) {
    if (error instanceof TypeError) throw new NotTried(error.message);
    throw error;
  }
}

function tokenIn(file: string): string {
  try {
    return readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    throw new NotTried(`${file} cannot be read: ${code}.`);
  }
}
