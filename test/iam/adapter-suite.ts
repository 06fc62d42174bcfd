import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Credential, type CredentialType, credentialTypeNames } from "../../src/changes/credential.ts";
import type { Gap, TestAccount } from "./accounts.ts";

const DEADLINE_MS = 10_000;

/** What the adapter must do wherever there is an IAM. Makes its own users, so it can run anywhere, again and again. */
export function adapterSuite(openAccount: () => Promise<TestAccount>, gaps: readonly Gap[]): void {
  let there: TestAccount;
  const run = randomUUID().slice(0, 8);
  let users = 0;

  beforeAll(async () => {
    there = await openAccount();
    if (gaps.length > 0) console.warn(`SKIPPED, because ${there.name} does not have it: ${gaps.join(", ")}`);
  });
  afterAll(() => there.close());

  /** A test that needs something of IAM. Where that is missing, its name says that it was left out. */
  const itNeeds = (gap: Gap | CredentialType, name: string, test: () => Promise<void>) => {
    const missing = gaps.some((one) => one === gap);
    it.skipIf(missing)(missing ? `SKIPPED (no ${gap} there): ${name}` : name, test);
  };
  const createUser = async (): Promise<string> => {
    users += 1;
    const userName = `Adapter-${run}-${users}`;
    await there.createUser(userName);
    return userName;
  };
  const create = async (type: CredentialType): Promise<Credential> => {
    const userName = await createUser();
    return { type, id: await there.createCredential(type, userName), userName, account: there.account };
  };
  const update = (credential: Credential, status: "Active" | "Inactive") =>
    there.iam.update({ changeId: randomUUID(), credential, status, notAfter: Date.now() + DEADLINE_MS }, DEADLINE_MS);

  describe.each(credentialTypeNames)("a %s", (type) => {
    itNeeds(type, "is switched off and on, and the list shows it", async () => {
      const credential = await create(type);
      expect(await there.iam.statusOf(credential, DEADLINE_MS)).toBe("Active");

      const off = await update(credential, "Inactive");
      expect(off).toEqual({ kind: "applied", awsRequestId: expect.stringMatching(/^[\w-]{16,}$/), httpStatus: 200 });
      expect(await there.iam.statusOf(credential, DEADLINE_MS)).toBe("Inactive");

      expect(await update(credential, "Active")).toMatchObject({ kind: "applied" });
      expect(await there.iam.statusOf(credential, DEADLINE_MS)).toBe("Active");
    });

    itNeeds(type, "is listed with its user, its status and its date", async () => {
      const credential = await create(type);
      const { id, userName } = credential;
      const listed = await there.iam.list(type, userName, DEADLINE_MS);
      expect(listed).toEqual([
        expect.objectContaining({ type, id, userName, status: "Active", createdAt: expect.any(Number) }),
      ]);
      expect(listed[0]?.createdAt).toBeGreaterThan(Date.parse("2020-01-01"));
    });

    itNeeds(type, "that does not exist is refused with NoSuchEntity, and is in no list", async () => {
      const userName = await createUser();
      const credential = { type, id: "NOSUCHCREDENTIAL012345678901", userName, account: there.account };
      expect(await update(credential, "Inactive")).toMatchObject({
        kind: "refused",
        code: "NoSuchEntity",
        httpStatus: 404,
        retryable: false,
        message: expect.stringContaining("NOSUCHCREDENTIAL012345678901"),
        awsRequestId: expect.any(String),
      });
      expect(await there.iam.statusOf(credential, DEADLINE_MS)).toBeNull();
    });

    itNeeds(type, "of a user who does not exist is refused, and cannot be listed", async () => {
      const nobody = `nobody-${run}`;
      const credential = { type, id: "NOSUCHCREDENTIAL012345678901", userName: nobody, account: there.account };
      expect(await update(credential, "Inactive")).toMatchObject({ kind: "refused", code: "NoSuchEntity" });
      await expect(there.iam.list(type, nobody, DEADLINE_MS)).rejects.toMatchObject({
        code: "iam-entity-not-found",
        details: { awsCode: "NoSuchEntity" },
        message: `The user with name ${nobody} cannot be found.`,
      });
      await expect(there.iam.statusOf(credential, DEADLINE_MS)).rejects.toMatchObject({ code: "iam-entity-not-found" });
    });

    itNeeds("paging", "is found on the last of several pages, and the list holds every page", async () => {
      const many = await createUser();
      const ids: string[] = [];
      for (let n = 0; n < 2_345; n += 1) ids.push(await there.createCredential(type, many));
      const last = { type, id: ids.at(-1) ?? "", userName: many, account: there.account };
      expect(await update(last, "Inactive")).toMatchObject({ kind: "applied" });
      expect(await there.iam.statusOf(last, DEADLINE_MS)).toBe("Inactive");
      expect((await there.iam.list(type, many, DEADLINE_MS)).map(({ id }) => id)).toEqual(ids);
    });

    itNeeds("validation", "with an impossible id is refused with IAM's ValidationError", async () => {
      const userName = await createUser();
      const answer = await update(
        { type, id: "not a valid id, but long enough", userName, account: there.account },
        "Active",
      );
      expect(answer).toMatchObject({ kind: "refused", code: "ValidationError", httpStatus: 400, retryable: false });
      expect(answer).toHaveProperty(
        "message",
        expect.stringContaining("Member must satisfy regular expression pattern: [\\w]+"),
      );
    });
  });

  it("finds the owner of an access key", async () => {
    const { id, userName } = await create("access-key");
    expect(await there.iam.ownerOf(id, DEADLINE_MS)).toMatchObject({ userName });
  });

  it("says of an access key of nobody here that there is none", async () => {
    await expect(there.iam.ownerOf("AKIANOSUCHKEY0000000", DEADLINE_MS)).rejects.toMatchObject({
      code: "iam-entity-not-found",
    });
  });

  it("tells as whom it calls AWS", async () => {
    const identity = await there.iam.callerIdentity(DEADLINE_MS);
    expect(identity.account).toBe(there.account);
    expect(identity.arn).toMatch(/^arn:aws:(iam|sts)::[0-9]{12}:user\//);
  });
}
