import * as sdk from "@aws-sdk/client-iam";
import type { IamMembers, IamReadAction, IamReadParameters, IamValue } from "../changes/iam-answers.ts";
import { named } from "./call.ts";

type Read = (client: sdk.IAMClient, parameters: IamReadParameters) => Promise<object>;

const reads: Readonly<Record<IamReadAction, Read>> = {
  "iam:GetAccessKeyLastUsed": (client, { AccessKeyId }) =>
    client.send(new sdk.GetAccessKeyLastUsedCommand({ AccessKeyId })),
  "iam:GetUser": (client, { UserName }) => client.send(new sdk.GetUserCommand({ UserName })),
  "iam:ListUsers": (client, { PathPrefix, Marker, MaxItems }) =>
    client.send(new sdk.ListUsersCommand({ PathPrefix, Marker, MaxItems })),
  "iam:ListAccessKeys": (client, { UserName, Marker, MaxItems }) =>
    client.send(new sdk.ListAccessKeysCommand({ UserName, Marker, MaxItems })),
  "iam:ListSSHPublicKeys": (client, { UserName, Marker, MaxItems }) =>
    client.send(new sdk.ListSSHPublicKeysCommand({ UserName, Marker, MaxItems })),
  "iam:ListServiceSpecificCredentials": (client, { UserName, ServiceName, Marker, MaxItems }) =>
    client.send(new sdk.ListServiceSpecificCredentialsCommand({ UserName, ServiceName, Marker, MaxItems })),
  "iam:ListSigningCertificates": (client, { UserName, Marker, MaxItems }) =>
    client.send(new sdk.ListSigningCertificatesCommand({ UserName, Marker, MaxItems })),
};

/** Reads that show what belongs to a user: IAM would take a missing name for the gateway's own. */
const withoutUser: ReadonlySet<IamReadAction> = new Set(["iam:GetAccessKeyLastUsed", "iam:ListUsers"]);

/** Names of all actions of IAM that the AWS SDK knows, such as `CreateUser`. */
export const iamActionNames: ReadonlySet<string> = new Set(
  Object.keys(sdk).flatMap((name) => (/^[A-Z].*Command$/.test(name) ? [name.slice(0, -"Command".length)] : [])),
);

/**
 * One read of IAM as the caller asks for it.
 * @returns the result's members as the SDK understands them; what it does not know is left out
 */
export async function readThrough(
  client: sdk.IAMClient,
  action: IamReadAction,
  parameters: IamReadParameters,
): Promise<IamMembers> {
  if (!withoutUser.has(action) && (parameters.UserName ?? "") === "")
    throw named("UserMissing", "a read without its user");
  const { $metadata: _, ...members } = (await reads[action](client, parameters)) as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(members).flatMap(([name, value]) => (value === undefined ? [] : [[name, iamValue(value)]])),
  );
}

function iamValue(value: unknown): IamValue {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (value instanceof Date) return value;
  if (Array.isArray(value)) return value.map(iamValue);
  if (typeof value !== "object" || value === null) throw named("MalformedAnswer", "a member of no kind that IAM has");
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => (member === undefined ? [] : [[name, iamValue(member)]])),
  );
}
