import { fileURLToPath } from "node:url";
import { extraUser } from "../../src/sandbox/iam/seed.ts";
import { startProgram } from "../fixture/processes.ts";

export const ROUNDS = 5;
/** Not counted: the code of both sides is compiled as it is used. */
export const WARM_UP_ROUNDS = 3;
export const SECONDS = 4;
export const CONNECTIONS = 32;
/** Far above what a round sends: throughput is measured, not the limiter. The flood uses the defaults. */
export const NO_LIMITS = { changes: 10_000_000, reads: 10_000_000, whatIfs: 10_000_000 };

const USERS = 2_000;
const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
const referenceScript = fileURLToPath(new URL("reference.ts", import.meta.url));

/** The IAM stand-in, in a process of its own, with a user and an access key for each of many changes. */
export async function startIam(): Promise<string> {
  const { url } = await startProgram([main, "sandbox-iam", "--extra-users", String(USERS)]);
  return url;
}

/** A bare Express app to compare with. */
export async function startReference(kind: "echo" | "sdk", iamUrl = ""): Promise<string> {
  const { url } = await startProgram([referenceScript, kind, iamUrl]);
  return url;
}

/**
 * Bodies of changes to switch one key after the other off, so that no two in flight are of the same; with a ticket, so
 * that nobody has to look whether it is the last one.
 */
export function switchOffs(): () => string {
  let n = 0;
  return () => {
    n = (n % USERS) + 1;
    const { userName, accessKeyId } = extraUser(n);
    const credential = { type: "access-key", id: accessKeyId, userName };
    return JSON.stringify({ credential, status: "Inactive", ticket: "SEC-123" });
  };
}

export function bearer(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}` };
}
