import { type CredentialType, credentialTypes } from "../changes/credential.ts";
import { LockkeeperError } from "../errors.ts";
import type { AwsIam } from "./client.ts";

/** A call to AWS that has ended. */
export interface MeasuredCall {
  /** AWS's name of it: `UpdateAccessKey`. */
  readonly operation: string;
  /** Of all its attempts and pages together. */
  readonly seconds: number;
  /** AWS's error code, or the name of what went wrong; absent for a success. */
  readonly error?: string;
}

/**
 * The same IAM, which tells of each of its calls when it has ended.
 * @param tell must not throw
 */
export function measuredIam(iam: AwsIam, tell: (call: MeasuredCall) => void): AwsIam {
  const read = async <T>(operation: string, call: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    try {
      const answer = await call();
      tell({ operation, seconds: since(startedAt) });
      return answer;
    } catch (error) {
      tell({ operation, seconds: since(startedAt), error: codeOf(error) });
      throw error;
    }
  };
  return {
    async update(request, timeoutMs) {
      const startedAt = performance.now();
      const answer = await iam.update(request, timeoutMs);
      const operation = plain(credentialTypes[request.credential.type].updateAction);
      tell({ operation, seconds: since(startedAt), ...(answer.kind !== "applied" && { error: answer.code }) });
      return answer;
    },
    statusOf: (credential, timeoutMs) => read(listing(credential.type), () => iam.statusOf(credential, timeoutMs)),
    list: (type, userName, timeoutMs) => read(listing(type), () => iam.list(type, userName, timeoutMs)),
    ownerOf: (accessKeyId, timeoutMs) => read("GetAccessKeyLastUsed", () => iam.ownerOf(accessKeyId, timeoutMs)),
    user: (userName, timeoutMs) => read("GetUser", () => iam.user(userName, timeoutMs)),
    readThrough: (action, parameters, timeoutMs) =>
      read(plain(action), () => iam.readThrough(action, parameters, timeoutMs)),
    callerIdentity: (timeoutMs) => read("GetCallerIdentity", () => iam.callerIdentity(timeoutMs)),
    close: iam.close,
  };
}

function listing(type: CredentialType): string {
  return plain(credentialTypes[type].listAction);
}

function plain(action: `iam:${string}`): string {
  return action.slice("iam:".length);
}

function since(startedAt: number): number {
  return (performance.now() - startedAt) / 1000;
}

/** AWS's own code where there is one: the rest says why AWS could not be asked. */
function codeOf(error: unknown): string {
  if (!(error instanceof LockkeeperError)) return "internal";
  const { details, cause } = error;
  if (details.awsCode !== undefined) return details.awsCode;
  return cause instanceof Error ? cause.name : error.code;
}
