import type { Credential, CredentialType, ListAction, ObservedStatus, Status } from "./credential.ts";

/**
 * IAM's answer to one attempt at an update, in Lockkeeper's words. `iam/client.ts` makes them out of what the AWS SDK
 * returns or throws; nobody else looks at SDK errors.
 */
export type UpdateAnswer =
  /** IAM confirmed it, with a request id. */
  | { readonly kind: "applied"; readonly awsRequestId: string; readonly httpStatus: number }
  /** IAM answered no, which proves that it did nothing. `retryable`: it was throttling. */
  | {
      readonly kind: "refused";
      /** IAM's error code, such as `NoSuchEntity`. */
      readonly code: string;
      readonly message: string;
      readonly httpStatus: number;
      readonly awsRequestId?: string;
      readonly retryable: boolean;
    }
  /** The request provably never reached IAM (no connection came about). Always worth another try. */
  | { readonly kind: "not-sent"; readonly code: string; readonly message: string }
  /** Timeout, reset, 5xx, a success without a request id, anything else: IAM may or may not have done it. */
  | { readonly kind: "unknown"; readonly code: string; readonly message: string };

/** One attempt's content. The id goes into the user agent, so that CloudTrail names the change. */
export interface UpdateRequest {
  readonly changeId: string;
  readonly credential: Credential;
  readonly status: Status;
  /** Epoch milliseconds. Nothing of it is written to IAM at or after that, however long it waited for its connection. */
  readonly notAfter: number;
}

export interface ListedCredential {
  readonly type: CredentialType;
  readonly id: string;
  readonly userName: string;
  readonly status: ObservedStatus;
  /** Epoch milliseconds; null when IAM told none. */
  readonly createdAt: number | null;
  /** Of a service-specific credential: `codecommit.amazonaws.com`, `bedrock.amazonaws.com`, … */
  readonly service?: string;
}

export interface AccessKeyOwner {
  readonly userName: string;
  readonly lastUsed: { readonly at: number; readonly service: string; readonly region: string } | null;
}

export interface IamUser {
  /** `/` or `/division/team/` */
  readonly path: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly tags: Readonly<Record<string, string>>;
}

/** The reads of IAM that are handed through as they are. */
export type IamReadAction = ListAction | "iam:GetAccessKeyLastUsed" | "iam:GetUser" | "iam:ListUsers";

/** Parameters of such a read, by IAM's names. */
export interface IamReadParameters {
  readonly UserName?: string;
  readonly AccessKeyId?: string;
  readonly ServiceName?: string;
  readonly PathPrefix?: string;
  readonly Marker?: string;
  /** 1 to 1,000. */
  readonly MaxItems?: number;
}

/** What IAM answers to such a read: the members of its result, by IAM's names and in IAM's order. */
export type IamValue = string | number | boolean | Date | readonly IamValue[] | IamMembers;
export interface IamMembers {
  readonly [name: string]: IamValue;
}

/**
 * What changes and look-ups need of IAM. `update` never throws: every way in which it can end is an answer. The reads
 * throw LockkeeperError `iam-entity-not-found`, `iam-refused` (with `details.awsCode`) or `iam-unavailable`.
 */
export interface Iam {
  /** Exactly one attempt, given up `timeoutMs` after the call. */
  update(request: UpdateRequest, timeoutMs: number): Promise<UpdateAnswer>;
  /** The credential's status in IAM's eventually consistent list, all pages looked through; null when it is not in there. */
  statusOf(credential: Credential, timeoutMs: number): Promise<ObservedStatus | null>;
  /** All of a user's credentials of one type. */
  list(type: CredentialType, userName: string, timeoutMs: number): Promise<readonly ListedCredential[]>;
  ownerOf(accessKeyId: string, timeoutMs: number): Promise<AccessKeyOwner>;
  /** A user with its tags. */
  user(userName: string, timeoutMs: number): Promise<IamUser>;
  /** One read, or one page of it, as the caller asks for it; of a user's, the user is named. */
  readThrough(action: IamReadAction, parameters: IamReadParameters, timeoutMs: number): Promise<IamMembers>;
}
