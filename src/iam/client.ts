import { IAMClient } from "@aws-sdk/client-iam";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import type { Iam, ListedCredential, UpdateAnswer, UpdateRequest } from "../changes/iam-answers.ts";
import type { Clock } from "../clock.ts";
import { accessKeyOwner } from "./access-key-owner.ts";
import { AwsCall, named } from "./call.ts";
import { listedCredentials } from "./listing.ts";
import { operations } from "./operations.ts";
import { readThrough } from "./read-through.ts";
import { awsSettings, type FixedCredentials } from "./settings.ts";
import { failedRead, failedUpdate } from "./translate.ts";
import { AwsTransport } from "./transport.ts";
import { iamUser } from "./user.ts";

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
  /** The one by which changes are given their deadline. */
  readonly clock: Pick<Clock, "now">;
  /** Without them the SDK's default chain is asked: environment, shared files, web identity, container, instance. */
  readonly credentials?: FixedCredentials;
  /** Told what lies behind an answer that is not IAM's own yes or no, for the log. Not for callers: it may name hosts. */
  readonly onTrouble?: (error: unknown, changeId: string) => void;
  /** Told IAM's own no to a change, with its message. */
  readonly onRefused?: (answer: Extract<UpdateAnswer, { kind: "refused" }>, changeId: string) => void;
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

/** Look-ups that run at once; more of them wait. IAM's own rate limits are far below what this lets through. */
const READ_SOCKETS = 64;
/** An update that waits may be too late to be sent, so there are more than there are updates at once that IAM would take. */
const UPDATE_SOCKETS = 256;

/** IAM and STS through the AWS SDK. Everything that the SDK throws is translated here and seen by nobody else. */
export function createIam(options: AwsIamOptions): AwsIam {
  // Each has connections of its own, so that no number of look-ups keeps a change from being sent.
  const [forUpdates, forReads] = [new AwsTransport(UPDATE_SOCKETS), new AwsTransport(READ_SOCKETS)];
  const settings = awsSettings(options);
  const updates = new IAMClient({
    ...settings,
    requestHandler: forUpdates,
    endpoint: options.endpoint,
    maxAttempts: 1,
  });
  const reading = { ...settings, requestHandler: forReads, maxAttempts: 3 };
  const reads = new IAMClient({ ...reading, endpoint: options.endpoint });
  const sts = new STSClient({ ...reading, endpoint: options.stsEndpoint });

  return {
    async update(request: UpdateRequest, timeoutMs: number): Promise<UpdateAnswer> {
      const { changeId, credential, status, notAfter } = request;
      const call = new AwsCall(timeoutMs, { changeId, mayBeSent: () => options.clock.now() < notAfter });
      try {
        if (credential.account !== options.account) throw named("OtherAccount", "another account's credential");
        await call.run(() => operations[credential.type].update(updates, credential, status));
        if (call.requestId === undefined) throw named("MalformedAnswer", "a success that nobody confirmed");
        return { kind: "applied", awsRequestId: call.requestId, httpStatus: 200 };
      } catch (error) {
        const answer = failedUpdate(error, call.sent);
        report(() =>
          answer.kind === "refused" ? options.onRefused?.(answer, changeId) : options.onTrouble?.(error, changeId),
        );
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

    user: (userName, timeoutMs) => read(timeoutMs, () => iamUser(reads, userName)),

    readThrough: (action, parameters, timeoutMs) => read(timeoutMs, () => readThrough(reads, action, parameters)),

    callerIdentity: (timeoutMs) =>
      read(timeoutMs, async () => {
        const { Account: account, Arn: arn } = await sts.send(new GetCallerIdentityCommand({}));
        if (account === undefined || arn === undefined) throw named("MalformedAnswer", "nobody in particular");
        return { account, arn };
      }),

    close: () => {
      forUpdates.destroy();
      forReads.destroy();
    },
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
function report(tell: () => void): void {
  try {
    tell();
  } catch {
    // There is nobody else to tell.
  }
}
