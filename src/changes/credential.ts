/**
 * The IAM credential types whose status can be changed: one row each, everything that differs between them.
 * Lengths are those of the IAM API reference (`UpdateSigningCertificate` and its three siblings).
 */
export const credentialTypes = {
  "signing-certificate": {
    label: "signing certificate",
    updateAction: "iam:UpdateSigningCertificate",
    listAction: "iam:ListSigningCertificates",
    id: { parameter: "CertificateId", min: 24, max: 128 },
    userNameMax: 128,
  },
  "service-specific-credential": {
    label: "service-specific credential",
    updateAction: "iam:UpdateServiceSpecificCredential",
    listAction: "iam:ListServiceSpecificCredentials",
    id: { parameter: "ServiceSpecificCredentialId", min: 20, max: 128 },
    userNameMax: 64,
  },
  "access-key": {
    label: "access key",
    updateAction: "iam:UpdateAccessKey",
    listAction: "iam:ListAccessKeys",
    id: { parameter: "AccessKeyId", min: 16, max: 128 },
    userNameMax: 128,
  },
  "ssh-public-key": {
    label: "SSH public key",
    updateAction: "iam:UpdateSSHPublicKey",
    listAction: "iam:ListSSHPublicKeys",
    id: { parameter: "SSHPublicKeyId", min: 20, max: 128 },
    userNameMax: 64,
  },
} as const;

export type CredentialType = keyof typeof credentialTypes;
export type UpdateAction = (typeof credentialTypes)[CredentialType]["updateAction"];
export type ListAction = (typeof credentialTypes)[CredentialType]["listAction"];

export const credentialTypeNames = Object.keys(credentialTypes) as readonly CredentialType[];

/** What a credential can be set to. */
export type Status = "Active" | "Inactive";
/** What a credential can be seen as; `Expired` can be read, never set. */
export type ObservedStatus = Status | "Expired";

/** The IAM credential being changed. The account is always filled in from the configuration. */
export interface Credential {
  readonly type: CredentialType;
  readonly id: string;
  readonly userName: string;
  /** The twelve digits of the AWS account. */
  readonly account: string;
}

/**
 * IAM user names are unique without regard to case (IAM API reference, CreateUser), so policy, locks and ownership
 * compare them so. ASCII only: the pattern `[\w+=,.@-]+` lets nothing else in.
 */
export function sameUserName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** The ARN of the user to whom a credential belongs, as far as it is known without the user's path. */
export function userArn(credential: Pick<Credential, "account" | "userName">): string {
  return `arn:aws:iam::${credential.account}:user/${credential.userName}`;
}
