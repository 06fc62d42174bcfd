import { IAMClient } from "@aws-sdk/client-iam";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import type { Iam, ListedCredential, UpdateAnswer, UpdateRequest } from "../changes/iam-answers.ts";
import { accessKeyOwner } from "./access-key-owner.ts";
import { AwsCall, named } from "./call.ts";
import { listedCredentials } from "./listing.ts";
import { operations } from "./operations.ts";
import { awsSettings, type FixedCredentials } from "./settings.ts";
import { failedRead, failedUpdate } from "./translate.ts";
import { AwsTransport } from "./transport.ts";

export interface AwsIamOptions {
  /** IAM's URL, always explicit: no environment variable and no shared file of the SDK may redirect it. */
  readonly endpoint: string;
  readonly stsEndpoint: string;
  /** The region that IAM signs for: `us-east-1`, in China `cn-north-1`, in GovCloud `us-gov-west-1`. */
  readonly region: string;
  /** The twelve digits of the account in which changes are made. */
  readonly account: string;
  /** Of Lockkeeper, for the user agent. */
  readonly version: string;
  /** Without them the SDK's default chain is asked: environment, shared files, web identity, container, instance. */
  readonly credentials?: FixedCredentials;
  /** Told what lies behind an answer that is not IAM's own yes or no, for the log. Not for callers: it may name hosts. */
  readonly onTrouble?: (error: unknown, changeId: string) => void;
}

/** As whom Lockkeeper calls AWS. */
interface CallerIdentity {
  readonly account: string;
  readonly arn: string;
}

export interface AwsIam extends Iam {
  /** @throws LockkeeperError `iam-refused`, `iam-unavailable` */
  callerIdentity(timeoutMs: number): Promise<CallerIdentity>;
  /** Closes the connections. */
  close(): void;
}

/** IAM and STS through the AWS SDK. Everything that the SDK throws is translated here and seen by nobody else. */
export function createIam(options: AwsIamOptions): AwsIam {
  const transport = new AwsTransport();
  const settings = awsSettings(options, transport);
  const updates = new IAMClient({ ...settings, endpoint: options.endpoint, maxAttempts: 1 });
  const reads = new IAMClient({ ...settings, endpoint: options.endpoint, maxAttempts: 3 });
  const sts = new STSClient({ ...settings, endpoint: options.stsEndpoint, maxAttempts: 3 });

  return {
    async update({ changeId, credential, status }: UpdateRequest, timeoutMs: number): Promise<UpdateAnswer> {
      const call = new AwsCall(timeoutMs, changeId);
      try {
        if (credential.account !== options.account) throw named("OtherAccount", "another account's credential");
        await call.run(() => operations[credential.type].update(updates, credential, status));
        if (call.requestId === undefined) throw named("MalformedAnswer", "a success that nobody confirmed");
        return { kind: "applied", awsRequestId: call.requestId, httpStatus: 200 };
      } catch (error) {
        const answer = failedUpdate(error, call.sent);
        if (answer.kind !== "refused") report(options, error, changeId);
        return answer;
      }
    },

    statusOf: ({ type, id, userName }, timeoutMs) =>
      read(timeoutMs, async () => {
        for await (const page of listedCredentials(reads, type, userName)) {
          const found = page.find((credential) => credential.id === id);
          if (found !== undefined) return found.status;
        }
        return null;
      }),

    list: (type, userName, timeoutMs) =>
      read(timeoutMs, async () => {
        const all: ListedCredential[] = [];
        for await (const page of listedCredentials(reads, type, userName)) all.push(...page);
        return all;
      }),

    ownerOf: (accessKeyId, timeoutMs) => read(timeoutMs, () => accessKeyOwner(reads, accessKeyId)),

    callerIdentity: (timeoutMs) =>
      read(timeoutMs, async () => {
        const { Account: account, Arn: arn } = await sts.send(new GetCallerIdentityCommand({}));
        if (account === undefined || arn === undefined) throw named("MalformedAnswer", "nobody in particular");
        return { account, arn };
      }),

    close: () => transport.destroy(),
  };
}

async function read<T>(timeoutMs: number, work: () => Promise<T>): Promise<T> {
  try {
    return await new AwsCall(timeoutMs).run(work);
  } catch (error) {
    throw failedRead(error);
  }
}

/** A log that fails must not turn the answer into an exception: a request may be out there. */
function report({ onTrouble }: AwsIamOptions, error: unknown, changeId: string): void {
  try {
    onTrouble?.(error, changeId);
  } catch {
    // There is nobody else to tell.
  }
}
