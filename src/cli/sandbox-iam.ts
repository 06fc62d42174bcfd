import { type SandboxIamOptions, startSandboxIam } from "../sandbox/iam/server.ts";
import { stopSignal } from "./end.ts";

export interface RunSandboxIamOptions extends Omit<SandboxIamOptions, "clock"> {
  /** Where the one line with the URL goes; default standard output. */
  readonly print?: (line: string) => void;
}

/**
 * `lockkeeper sandbox-iam`: the IAM stand-in as a process of its own. Prints one line with its URL when it listens, and
 * runs until SIGTERM or SIGINT.
 * @throws LockkeeperError `configuration` for a host that other machines could reach; the system's error for a port in
 *   use or a journal file that cannot be written
 */
export async function runSandboxIam({ print = console.log, ...options }: RunSandboxIamOptions): Promise<void> {
  const stopped = stopSignal();
  const iam = await startSandboxIam(options);
  print(`IAM stand-in on ${iam.url}`);
  await stopped;
  await iam.close();
}
