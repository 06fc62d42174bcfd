import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AwsIam } from "../../src/iam/client.ts";
import { sandboxAccount } from "../../src/sandbox/iam/seed.ts";
import { type SandboxIam, startSandboxIam } from "../../src/sandbox/iam/server.ts";
import { iamAt } from "./accounts.ts";
import { closedPort, serveHttp } from "./servers.ts";

const DEADLINE_MS = 5_000;
const accessKey = { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName: "Bob", account: sandboxAccount } as const;

describe("a look-up that meets a fault", () => {
  let stand: SandboxIam;
  let iam: AwsIam;
  beforeEach(async () => {
    stand = await startSandboxIam();
    iam = iamAt(stand.url);
  });
  afterEach(async () => {
    iam.close();
    await stand.close();
  });
  const attempts = () => stand.journal.calls("ListAccessKeys");

  it.each(["server-error", "reset-before", "throttle", "cut-off"] as const)("is asked again: %s", async (kind) => {
    stand.faults.next({ kind, times: 2 });
    expect(await iam.statusOf(accessKey, DEADLINE_MS)).toBe("Active");
    expect(attempts()).toBe(3);
  });

  it("is asked again within its deadline when the first attempt hangs", async () => {
    stand.faults.next({ kind: "hang" });
    expect(await iam.statusOf(accessKey, 1_000)).toBe("Active");
    expect(attempts()).toBe(2);
  });

  it.each([
    "hang",
    "empty-200",
    "html-200",
    "no-content",
    "accepted",
    "truncated-xml",
    "no-request-id",
    "server-error",
    "throttle",
  ] as const)("never takes a missing answer for an empty list: %s", async (kind) => {
    stand.faults.next({ kind, times: "always" });
    await expect(iam.statusOf(accessKey, 500)).rejects.toMatchObject({
      code: "iam-unavailable",
      cause: expect.anything(),
    });
    await expect(iam.list("access-key", "Bob", 500)).rejects.toMatchObject({ code: "iam-unavailable" });
  });

  it("says so when IAM does not allow it", async () => {
    stand.faults.next({ kind: "access-denied", times: 2 });
    await expect(iam.list("access-key", "Bob", DEADLINE_MS)).rejects.toMatchObject({
      code: "iam-refused",
      details: { awsCode: "AccessDenied" },
    });
    // The same code as for a key of another account; the sentence is another.
    await expect(iam.ownerOf(accessKey.id, DEADLINE_MS)).rejects.toMatchObject({ code: "iam-refused" });
  });

  it("finds a user in whatever case, and reads Expired", async () => {
    stand.world.addCredential("sofia", { type: "access-key", id: "AKIAEXPIREDEXAMPLE00", status: "Expired" });
    const expired = { ...accessKey, id: "AKIAEXPIREDEXAMPLE00", userName: "SOFIA" };
    expect(await iam.statusOf(expired, DEADLINE_MS)).toBe("Expired");
  });

  it("tells the service of a service-specific credential", async () => {
    const listed = await iam.list("service-specific-credential", "sofia", DEADLINE_MS);
    expect(listed.map(({ id, service }) => [id, service])).toEqual([
      ["ACCAEXAMPLE123EXAMPLE", "codecommit.amazonaws.com"],
      ["ACCABEDROCK456EXAMPLE", "bedrock.amazonaws.com"],
    ]);
  });

  it("tells when a key was last used, and that one never was", async () => {
    expect(await iam.ownerOf(accessKey.id, DEADLINE_MS)).toEqual({
      userName: "Bob",
      lastUsed: { at: Date.parse("2026-02-11T08:15:00Z"), service: "s3", region: "us-east-1" },
    });
    expect(await iam.ownerOf("AKIABREAKGLASSEXAMPL", DEADLINE_MS)).toEqual({ userName: "break-glass", lastUsed: null });
  });

  it("is unavailable where nobody listens", async () => {
    const nowhere = iamAt(await closedPort());
    await expect(nowhere.callerIdentity(DEADLINE_MS)).rejects.toMatchObject({ code: "iam-unavailable" });
  });
});

describe("a list in pages", () => {
  /** Answers the n-th request for a list with the n-th of these; the last one goes on for ever. */
  const listIn = async (...pages: readonly string[]) => {
    const asked: (string | null)[] = [];
    const endpoint = await serveHttp((request, response) => {
      request.setEncoding("utf8").once("data", (body: string) => {
        asked.push(new URLSearchParams(body).get("Marker"));
        const page = pages[Math.min(asked.length, pages.length) - 1] ?? "";
        response.end(
          `<ListAccessKeysResponse><ListAccessKeysResult>${page}</ListAccessKeysResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></ListAccessKeysResponse>`,
        );
      });
    });
    return { iam: iamAt(endpoint), asked };
  };
  const keys = (...ids: readonly string[]) =>
    `<AccessKeyMetadata>${ids.map((id) => `<member><AccessKeyId>${id}</AccessKeyId><Status>Active</Status></member>`).join("")}</AccessKeyMetadata>`;
  const more = (marker: string) => `<IsTruncated>true</IsTruncated><Marker>${marker}</Marker>`;

  it("is followed over an empty page, and stops where the credential was found", async () => {
    const { iam, asked } = await listIn(keys("A") + more("m1"), keys() + more("m2"), keys(accessKey.id) + more("m3"));
    expect(await iam.statusOf(accessKey, DEADLINE_MS)).toBe("Active");
    expect(asked).toEqual([null, "m1", "m2"]);
  });

  it("takes the user's name that was asked for where the list names none", async () => {
    const { iam } = await listIn(keys("A"));
    expect(await iam.list("access-key", "Bob", DEADLINE_MS)).toEqual([
      { type: "access-key", id: "A", userName: "Bob", status: "Active", createdAt: null },
    ]);
  });

  it.each([
    { fault: "the marker stands still", pages: [keys("A") + more("m1")] },
    { fault: "the markers go round", pages: [keys("A") + more("m1"), keys("B") + more("m2"), keys("A") + more("m1")] },
    { fault: "there is more but no marker", pages: [`${keys("A")}<IsTruncated>true</IsTruncated>`] },
    { fault: "there is no list", pages: ["<IsTruncated>false</IsTruncated>"] },
    {
      fault: "a credential has no id",
      pages: ["<AccessKeyMetadata><member><Status>Active</Status></member></AccessKeyMetadata>"],
    },
    { fault: "a status is unheard of", pages: [keys("A").replace("Active", "Suspended")] },
    { fault: "a status is missing", pages: [keys("A").replace("<Status>Active</Status>", "")] },
  ])("is not believed when $fault", async ({ pages }) => {
    const { iam } = await listIn(...pages);
    await expect(iam.statusOf(accessKey, DEADLINE_MS)).rejects.toMatchObject({
      code: "iam-unavailable",
      message: expect.stringContaining("cannot be relied on"),
    });
  });
});
