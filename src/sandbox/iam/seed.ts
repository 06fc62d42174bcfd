import type { NewCredential, NewUser, World } from "./world.ts";

/** The account that the stand-in plays. */
export const sandboxAccount = "123456789012";

/** The access key of the user `lockkeeper`, with which the gateway signs. The secret is none: nobody checks signatures. */
export const sandboxCredentials = {
  accessKeyId: "AKIALOCKKEEPERSANDBX",
  secretAccessKey: "sandbox-signatures-are-not-checked",
} as const;

const createdAt = Date.parse("2025-11-03T10:00:00Z");
const lastUsed = { at: Date.parse("2026-02-11T08:15:00Z"), service: "s3", region: "us-east-1" };

/** Who is there at the start; everything is Active. */
const users: Readonly<Record<string, readonly NewCredential[]>> = {
  Bob: [
    { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE" },
    { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", lastUsed },
    { type: "access-key", id: "AKIAI44QH8DHBEXAMPLE", lastUsed },
    { type: "ssh-public-key", id: "APKAEIBAERJR2EXAMPLE" },
  ],
  sofia: [
    { type: "service-specific-credential", id: "ACCAEXAMPLE123EXAMPLE", service: "codecommit.amazonaws.com" },
    { type: "service-specific-credential", id: "ACCABEDROCK456EXAMPLE", service: "bedrock.amazonaws.com" },
  ],
  "break-glass": [
    { type: "signing-certificate", id: "TABREAKGLASSZ26OBPJEXAMPLE" },
    { type: "access-key", id: "AKIABREAKGLASSEXAMPL" },
    { type: "access-key", id: "AKIABREAKGLASSSECOND" },
    { type: "ssh-public-key", id: "APKABREAKGLASSEXAMPL" },
    { type: "service-specific-credential", id: "ACCABREAKGLASSEXAMPLE", service: "bedrock.amazonaws.com" },
  ],
  lockkeeper: [
    { type: "access-key", id: sandboxCredentials.accessKeyId, lastUsed: { ...lastUsed, service: "iam" } },
    { type: "signing-certificate", id: "TALOCKKEEPERZ26OBPJEXAMPLE" },
    { type: "ssh-public-key", id: "APKALOCKKEEPEREXAMPL" },
  ],
  ledger: [{ type: "access-key", id: "AKIALEDGERKEYEXAMPLE", lastUsed: { ...lastUsed, service: "dynamodb" } }],
  lonely: [{ type: "access-key", id: "AKIALONELYKEYEXAMPLE" }],
};

const details: Readonly<Record<string, NewUser>> = {
  Bob: { tags: { team: "web" } },
  ledger: { path: "/payments/", tags: { team: "payments", tier: "0" } },
};

/**
 * Fills an empty world.
 * @param extraUsers how many more for load tests: `load-0001`, … with `AKIALOAD000000000001` and another access key, …
 */
export function seed(world: World, extraUsers = 0): void {
  for (const [name, credentials] of Object.entries(users)) {
    world.addUser(name, { createdAt, ...details[name] });
    for (const credential of credentials) world.addCredential(name, { createdAt, ...credential });
  }
  for (let n = 1; n <= extraUsers; n += 1) {
    const { userName, accessKeyId, otherKeyId } = extraUser(n);
    world.addUser(userName, { createdAt });
    for (const id of [accessKeyId, otherKeyId]) world.addCredential(userName, { type: "access-key", id, createdAt });
  }
}

/** The n-th user for load tests, counted from 1, with a second key so that the first one is not the last. */
export function extraUser(n: number) {
  const number = String(n).padStart(12, "0");
  return {
    userName: `load-${String(n).padStart(4, "0")}`,
    accessKeyId: `AKIALOAD${number}`,
    otherKeyId: `AKIAELSE${number}`,
  } as const;
}
