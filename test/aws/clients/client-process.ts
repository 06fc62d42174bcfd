import { execFile } from "node:child_process";
import { tmpdir } from "node:os";

/** Where a client sends its calls, and with which key pair. */
export interface Place {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** How a process ended, and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Longer than a CLI waits for an answer and tries again. */
const PATIENCE_MS = 150_000;

/** A client as a process of its own, which knows of AWS only what it is told here. */
export function runClient(
  command: readonly string[],
  args: readonly string[],
  { endpoint, accessKeyId, secretAccessKey, sessionToken }: Place,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const [program = "", ...first] = command;
  const options = {
    timeout: PATIENCE_MS,
    env: {
      PATH: process.env["PATH"] ?? "",
      // Nobody's profile and nobody's home.
      HOME: tmpdir(),
      AWS_CONFIG_FILE: "/dev/null",
      AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
      AWS_EC2_METADATA_DISABLED: "true",
      AWS_DEFAULT_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      ...(sessionToken !== undefined && { AWS_SESSION_TOKEN: sessionToken }),
      // For scripts: command lines are told by an option, as the oldest of them need it.
      LOCKKEEPER_ENDPOINT: endpoint,
      ...env,
    },
  };
  return new Promise((resolve, reject) => {
    const child = execFile(program, [...first, ...args], options, (error, stdout, stderr) => {
      if (error !== null && (error.code === "ENOENT" || error.killed)) reject(error);
      else resolve({ code: child.exitCode, stdout, stderr });
    });
  });
}

/** `aws iam ARGS` as it stands in the manual, and nothing but the endpoint added. */
export function awsIam(
  command: readonly string[],
  line: string | readonly string[],
  place: Place,
  env?: Readonly<Record<string, string>>,
): Promise<Ended> {
  const args = typeof line === "string" ? line.split(" ") : line;
  return runClient(command, ["iam", ...args, "--endpoint-url", place.endpoint], place, env);
}
