import { extraUser } from "../../../src/sandbox/iam/seed.ts";

/** What is in the sandbox. */
export const certificate = "TA7SMP42TDN5Z26OBPJE7EXAMPLE";
export const serviceCredential = "ACCAEXAMPLE123EXAMPLE";
export const accessKey = "AKIAIOSFODNN7EXAMPLE";
export const sshKey = "APKAEIBAERJR2EXAMPLE";

/** The lines of AWS's manual, word for word, and as whom they are meant. */
export const manual = [
  {
    as: "oncall",
    line: `update-signing-certificate --certificate-id ${certificate} --status Inactive --user-name Bob`,
  },
  {
    as: "sofia",
    line: `update-service-specific-credential --service-specific-credential-id ${serviceCredential} --status Inactive`,
  },
  {
    as: "oncall",
    line: `update-service-specific-credential --user-name sofia --service-specific-credential-id ${serviceCredential} --status Inactive`,
  },
] as const;

/** The other two updates, for which the manual's lines are alike. */
export const otherUpdates = [
  `update-access-key --access-key-id ${accessKey} --status Inactive --user-name Bob`,
  `update-ssh-public-key --user-name Bob --ssh-public-key-id ${sshKey} --status Inactive`,
] as const;

export const switchOn = `update-access-key --access-key-id ${accessKey} --status Active --user-name Bob`;
export const switchOff = otherUpdates[0];

/** Switches off what only the n-th user for load tests has, counted from 1. */
export function switchOffUser(n: number): string {
  const { userName, accessKeyId } = extraUser(n);
  return `update-access-key --access-key-id ${accessKeyId} --status Inactive --user-name ${userName}`;
}

/** Reads of every kind; what they print is the same whoever answers. */
export const reads = [
  "list-signing-certificates --user-name Bob",
  "list-service-specific-credentials --user-name sofia",
  "list-service-specific-credentials --user-name sofia --service-name bedrock.amazonaws.com --output text",
  "list-access-keys --user-name Bob --output table",
  "list-ssh-public-keys --user-name Bob",
  "get-user --user-name sofia",
  "list-users --query Users[].UserName",
  `get-access-key-last-used --access-key-id ${accessKey}`,
] as const;

/** What AWS itself answers, as it was recorded: the line, and what the CLI makes of the answer. */
export const recordedRefusals = [
  [
    `update-access-key --user-name Nobody --access-key-id ${accessKey} --status Inactive`,
    "An error occurred (NoSuchEntity) when calling the UpdateAccessKey operation: The user with name Nobody cannot be found.",
  ],
  [
    "update-access-key --user-name Bob --access-key-id AKIANOSUCHKEYEXAMPLE --status Inactive",
    "An error occurred (NoSuchEntity) when calling the UpdateAccessKey operation: The Access Key with id AKIANOSUCHKEYEXAMPLE cannot be found.",
  ],
  [
    "update-signing-certificate --user-name Bob --certificate-id TANOSUCHCERTIFICATEEXAMPLE --status Inactive",
    "An error occurred (NoSuchEntity) when calling the UpdateSigningCertificate operation: The Certificate with id TANOSUCHCERTIFICATEEXAMPLE cannot be found.",
  ],
  [
    "update-ssh-public-key --user-name Bob --ssh-public-key-id APKANOSUCHKEYEXAMPLE --status Inactive",
    "An error occurred (NoSuchEntity) when calling the UpdateSSHPublicKey operation: The Public Key with id APKANOSUCHKEYEXAMPLE cannot be found.",
  ],
  [
    "update-service-specific-credential --user-name sofia --service-specific-credential-id ACCANOSUCHEXAMPLE123 --status Inactive",
    "An error occurred (NoSuchEntity) when calling the UpdateServiceSpecificCredential operation: No such credential ACCANOSUCHEXAMPLE123 exists",
  ],
  [
    `update-service-specific-credential --user-name sofia --service-specific-credential-id ${serviceCredential} --status Off`,
    "An error occurred (ValidationError) when calling the UpdateServiceSpecificCredential operation: 1 validation error detected: Value at 'status' failed to satisfy constraint: Member must satisfy enum value set",
  ],
  [
    "update-service-specific-credential --user-name sofia --service-specific-credential-id ACCA-EXAMPLE-123-EXAMPLE --status Inactive",
    "An error occurred (ValidationError) when calling the UpdateServiceSpecificCredential operation: 1 validation error detected: Value at 'serviceSpecificCredentialId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w]+",
  ],
] as const;

/** Refusals of IAM, and of the client itself, for which no recording of AWS is at hand: the stand-in's are the measure. */
export const otherRefusals = [
  `update-access-key --user-name Bob --access-key-id ${accessKey} --status Expired`,
  "update-access-key --user-name Bob --access-key-id AK --status Inactive",
  "update-access-key --user-name Bob --status Inactive",
  `update-ssh-public-key --user-name B/b --ssh-public-key-id ${sshKey} --status Inactive`,
  "get-user --user-name Nobody",
  "list-access-keys --user-name Nobody",
  "list-users --starting-token no-token --page-size 2",
  "list-signing-certificates --user-name Bob --page-size 1001",
] as const;
