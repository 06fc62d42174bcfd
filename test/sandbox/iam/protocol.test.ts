import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { credentialTypeNames } from "../../../src/changes/credential.ts";
import { type SandboxIam, startSandboxIam } from "../../../src/sandbox/iam/server.ts";
import { elementText, postQuery, signedAs } from "../../iam/query.ts";

let stand: SandboxIam;
beforeEach(async () => {
  stand = await startSandboxIam();
});
afterEach(() => stand.close());

type Parameters = Readonly<Record<string, string>>;

const ask = (parameters: Parameters, headers?: Parameters) => postQuery(stand.url, parameters, headers);
const errorOf = async (parameters: Parameters, headers?: Parameters) => {
  const { status, text } = await ask(parameters, headers);
  return {
    status,
    type: elementText(text, "Type"),
    code: elementText(text, "Code"),
    message: elementText(text, "Message"),
  };
};
const refused = (status: number, code: string, message: string) => ({ status, type: "Sender", code, message });

/** The four updates as the SDK would send them, for credentials that are there. */
const updates = [
  { Action: "UpdateSigningCertificate", UserName: "Bob", CertificateId: "TA7SMP42TDN5Z26OBPJE7EXAMPLE" },
  {
    Action: "UpdateServiceSpecificCredential",
    UserName: "sofia",
    ServiceSpecificCredentialId: "ACCAEXAMPLE123EXAMPLE",
  },
  { Action: "UpdateAccessKey", UserName: "Bob", AccessKeyId: "AKIAIOSFODNN7EXAMPLE" },
  { Action: "UpdateSSHPublicKey", UserName: "Bob", SSHPublicKeyId: "APKAEIBAERJR2EXAMPLE" },
] as const;

describe("the seed", () => {
  it("holds the people of the manual, all of whose credentials are Active", () => {
    const credentials = stand.world.users().map(({ name, credentials }) => {
      const all = credentialTypeNames.flatMap((type) => [...credentials[type].values()]);
      expect(all.map(({ status }) => status)).toEqual(all.map(() => "Active"));
      return [name, all.map(({ id }) => id)];
    });
    expect(Object.fromEntries(credentials)).toMatchObject({
      Bob: ["TA7SMP42TDN5Z26OBPJE7EXAMPLE", "AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE", "APKAEIBAERJR2EXAMPLE"],
      sofia: ["ACCAEXAMPLE123EXAMPLE", "ACCABEDROCK456EXAMPLE"],
      "break-glass": { length: 5 },
      lockkeeper: { length: 3 },
      ledger: ["AKIALEDGERKEYEXAMPLE"],
      lonely: ["AKIALONELYKEYEXAMPLE"],
    });
  });

  it("has as many users more as are asked for, with two access keys each", async () => {
    const large = await startSandboxIam({ extraUsers: 1_500 });
    const list = await postQuery(large.url, { Action: "ListAccessKeys", UserName: "load-0007" });
    expect(elementText(list.text, "AccessKeyId")).toBe("AKIALOAD000000000007");
    expect(large.world.accessKeyOwner("AKIALOAD000000001500")?.name).toBe("load-1500");
    await large.close();
  });
});

describe("an update", () => {
  it.each(updates)("is answered in IAM's own XML, with the request id in body and header: $Action", async (update) => {
    const { status, headers, text } = await ask({ ...update, Status: "Inactive" });
    const requestId = headers.get("x-amzn-requestid");
    expect({ status, text }).toEqual({
      status: 200,
      text: `<${update.Action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${update.Action}Response>`,
    });
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers.get("content-type")).toBe("text/xml");
    expect(Date.parse(headers.get("date") ?? "")).toBeGreaterThan(Date.now() - 60_000);
  });

  it("takes the user's name in any case, on any path", async () => {
    const update = { ...updates[2], UserName: "BOB", Status: "Inactive" };
    expect((await postQuery(`${stand.url}/aws/`, { ...update, Version: "2010-05-08" })).status).toBe(200);
    expect(stand.world.credential("bob", "access-key", "AKIAIOSFODNN7EXAMPLE")?.status).toBe("Inactive");
  });

  it("without a user's name means the owner of the access key that signed", async () => {
    const { UserName: _, ...nobody } = updates[2];
    expect(await errorOf({ ...nobody, Status: "Inactive" })).toEqual(
      refused(404, "NoSuchEntity", "The Access Key with id AKIAIOSFODNN7EXAMPLE cannot be found."),
    );
    const own = { ...nobody, AccessKeyId: "AKIALOCKKEEPERSANDBX", Status: "Inactive" };
    expect((await ask(own)).status).toBe(200);
    expect(stand.world.credential("lockkeeper", "access-key", "AKIALOCKKEEPERSANDBX")?.status).toBe("Inactive");
    expect(stand.journal.entries().map(({ userName }) => userName)).toEqual([null, null]);
  });

  it.each([
    [
      { ...updates[0], CertificateId: "TAXXXXXXXXXXXXXXXXXXXXXX" },
      "The Certificate with id TAXXXXXXXXXXXXXXXXXXXXXX cannot be found.",
    ],
    [
      { ...updates[1], ServiceSpecificCredentialId: "ACCAXXXXXXXXXXXXXXXXX" },
      "No such credential ACCAXXXXXXXXXXXXXXXXX exists",
    ],
    [
      { ...updates[2], AccessKeyId: "AKIAXXXXXXXXXXXXXXXX" },
      "The Access Key with id AKIAXXXXXXXXXXXXXXXX cannot be found.",
    ],
    [
      { ...updates[3], SSHPublicKeyId: "APKAXXXXXXXXXXXXXXXX" },
      "The Public Key with id APKAXXXXXXXXXXXXXXXX cannot be found.",
    ],
    // Somebody else's is as good as none.
    [{ ...updates[2], UserName: "sofia" }, "The Access Key with id AKIAIOSFODNN7EXAMPLE cannot be found."],
    [{ ...updates[2], UserName: "nobody" }, "The user with name nobody cannot be found."],
  ])("of what is not there is a 404: %o", async (update, message) => {
    expect(await errorOf({ ...update, Status: "Inactive" })).toEqual(refused(404, "NoSuchEntity", message));
  });

  it.each([
    [
      { ...updates[0], Status: "inactive" },
      "'status' failed to satisfy constraint: Member must satisfy enum value set",
    ],
    [{ ...updates[0], Status: "Expired" }, "'status' failed to satisfy constraint: Member must satisfy enum value set"],
    [updates[0], "'status' failed to satisfy constraint: Member must not be null"],
    [
      { Action: "UpdateAccessKey", UserName: "Bob", Status: "Active" },
      "'accessKeyId' failed to satisfy constraint: Member must not be null",
    ],
    [
      { ...updates[1], ServiceSpecificCredentialId: "ACCA-EXAMPLE-123-EXAMPLE", Status: "Active" },
      "'serviceSpecificCredentialId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w]+",
    ],
    [
      { ...updates[0], CertificateId: "TOOSHORT", Status: "Active" },
      "'certificateId' failed to satisfy constraint: Member must have length greater than or equal to 24",
    ],
    [
      { ...updates[3], SSHPublicKeyId: "A".repeat(129), Status: "Active" },
      "'sSHPublicKeyId' failed to satisfy constraint: Member must have length less than or equal to 128",
    ],
    [
      { ...updates[3], UserName: "u".repeat(65), Status: "Active" },
      "'userName' failed to satisfy constraint: Member must have length less than or equal to 64",
    ],
    [
      { ...updates[2], UserName: "Bob/../eve", Status: "Active" },
      "'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+",
    ],
  ])("that IAM would not even look at is a ValidationError: %o", async (update, message) => {
    const text = `1 validation error detected: Value at ${message}`;
    expect(await errorOf(update)).toEqual(refused(400, "ValidationError", text));
  });

  it("is told everything that is wrong with it", async () => {
    const { message } = await errorOf({ Action: "UpdateAccessKey", UserName: "Bob", AccessKeyId: "-", Status: "off" });
    expect(message).toBe(
      "3 validation errors detected: Value at 'accessKeyId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w]+; " +
        "Value at 'accessKeyId' failed to satisfy constraint: Member must have length greater than or equal to 16; " +
        "Value at 'status' failed to satisfy constraint: Member must satisfy enum value set",
    );
  });
});

describe("a list", () => {
  it.each([
    {
      Action: "ListSigningCertificates",
      UserName: "Bob",
      members:
        /^<Certificates><member><UserName>Bob<\/UserName><CertificateId>TA7SMP42TDN5Z26OBPJE7EXAMPLE<\/CertificateId><Status>Active<\/Status><CertificateBody>[^<]+<\/CertificateBody><UploadDate>2025-11-03T10:00:00Z<\/UploadDate><\/member><\/Certificates><IsTruncated>false<\/IsTruncated>$/,
    },
    {
      Action: "ListServiceSpecificCredentials",
      UserName: "SOFIA",
      members:
        /^<ServiceSpecificCredentials>(<member><UserName>sofia<\/UserName><ServiceSpecificCredentialId>ACCA\w+<\/ServiceSpecificCredentialId><Status>Active<\/Status><ServiceUserName>sofia-at-123456789012<\/ServiceUserName><ServiceName>(codecommit|bedrock)\.amazonaws\.com<\/ServiceName><CreateDate>2025-11-03T10:00:00Z<\/CreateDate><\/member>){2}<\/ServiceSpecificCredentials><IsTruncated>false<\/IsTruncated>$/,
    },
    {
      Action: "ListAccessKeys",
      UserName: "Bob",
      members:
        /^<AccessKeyMetadata><member><UserName>Bob<\/UserName><AccessKeyId>AKIAIOSFODNN7EXAMPLE<\/AccessKeyId><Status>Active<\/Status><CreateDate>2025-11-03T10:00:00Z<\/CreateDate><\/member><member><UserName>Bob<\/UserName><AccessKeyId>AKIAI44QH8DHBEXAMPLE<\/AccessKeyId><Status>Active<\/Status><CreateDate>2025-11-03T10:00:00Z<\/CreateDate><\/member><\/AccessKeyMetadata><IsTruncated>false<\/IsTruncated>$/,
    },
    {
      Action: "ListSSHPublicKeys",
      UserName: "Bob",
      members:
        /^<SSHPublicKeys><member><UserName>Bob<\/UserName><SSHPublicKeyId>APKAEIBAERJR2EXAMPLE<\/SSHPublicKeyId><Status>Active<\/Status><UploadDate>2025-11-03T10:00:00Z<\/UploadDate><\/member><\/SSHPublicKeys><IsTruncated>false<\/IsTruncated>$/,
    },
  ])("shows what is there: $Action", async ({ members, ...parameters }) => {
    const { text } = await ask(parameters);
    const [, inner] = new RegExp(`<${parameters.Action}Result>(.*)</${parameters.Action}Result>`, "s").exec(text) ?? [];
    expect(inner).toMatch(members);
  });

  it("is filtered by service where IAM does so", async () => {
    const { text } = await ask({
      Action: "ListServiceSpecificCredentials",
      UserName: "sofia",
      ServiceName: "bedrock.amazonaws.com",
    });
    expect(text.match(/<ServiceSpecificCredentialId>\w+/g)).toEqual([
      "<ServiceSpecificCredentialId>ACCABEDROCK456EXAMPLE",
    ]);
  });

  it("is empty for somebody without such credentials, and a 404 for nobody", async () => {
    expect((await ask({ Action: "ListAccessKeys", UserName: "sofia" })).text).toContain(
      "<AccessKeyMetadata></AccessKeyMetadata>",
    );
    expect(await errorOf({ Action: "ListAccessKeys", UserName: "nobody" })).toEqual(
      refused(404, "NoSuchEntity", "The user with name nobody cannot be found."),
    );
  });

  it("comes in pages of MaxItems, 100 where nothing is said", async () => {
    for (let n = 0; n < 250; n += 1)
      stand.world.addCredential("sofia", { type: "access-key", id: `AKIAPAGE${1000 + n}` });
    const sizes: number[] = [];
    let marker: string | undefined;
    do {
      const { text } = await ask({
        Action: "ListAccessKeys",
        UserName: "sofia",
        ...(marker !== undefined && { Marker: marker }),
      });
      sizes.push(text.match(/<member>/g)?.length ?? 0);
      marker = elementText(text, "IsTruncated") === "true" ? elementText(text, "Marker") : undefined;
    } while (marker !== undefined);
    expect(sizes).toEqual([100, 100, 50]);
    const all = await ask({ Action: "ListAccessKeys", UserName: "sofia", MaxItems: "1000" });
    expect(all.text.match(/<member>/g)).toHaveLength(250);
  });

  it.each([
    [{ MaxItems: "0" }, "'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1"],
    [
      { MaxItems: "1001" },
      "'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000",
    ],
    [
      { Marker: "m".repeat(321) },
      "'marker' failed to satisfy constraint: Member must have length less than or equal to 320",
    ],
  ])("has limits: %o", async (parameters, message) => {
    const answer = await errorOf({ Action: "ListAccessKeys", UserName: "Bob", ...parameters });
    expect(answer).toEqual(refused(400, "ValidationError", `1 validation error detected: Value at ${message}`));
  });

  it("knows its own markers only", async () => {
    expect(await errorOf({ Action: "ListAccessKeys", UserName: "Bob", Marker: "bm9ib2R5" })).toEqual(
      refused(400, "ValidationError", "Invalid Marker."),
    );
  });
});

describe("a look-up", () => {
  it("shows a user, the caller where none is named, and all of them", async () => {
    const bob = "<Path>/</Path><UserName>Bob</UserName>";
    const { text: shown } = await ask({ Action: "GetUser", UserName: "bob" });
    expect(shown).toContain(`<User>${bob}`);
    expect(shown).toContain("<Tags><member><Key>team</Key><Value>web</Value></member></Tags></User>");
    expect(elementText((await ask({ Action: "GetUser" })).text, "Arn")).toBe(
      "arn:aws:iam::123456789012:user/lockkeeper",
    );
    const { text } = await ask({ Action: "ListUsers" });
    expect(text, "the list tells no tags").not.toContain("<Tags>");
    expect(text.match(/<UserName>[^<]+/g)).toEqual(
      ["Bob", "sofia", "break-glass", "lockkeeper", "ledger", "lonely"].map((name) => `<UserName>${name}`),
    );
  });

  it("knows whose access key it is, and whether it was ever used", async () => {
    const used = await ask({ Action: "GetAccessKeyLastUsed", AccessKeyId: "AKIAIOSFODNN7EXAMPLE" });
    expect(used.text).toContain(
      "<GetAccessKeyLastUsedResult><UserName>Bob</UserName><AccessKeyLastUsed><LastUsedDate>2026-02-11T08:15:00Z</LastUsedDate><ServiceName>s3</ServiceName><Region>us-east-1</Region></AccessKeyLastUsed></GetAccessKeyLastUsedResult>",
    );
    const never = await ask({ Action: "GetAccessKeyLastUsed", AccessKeyId: "AKIABREAKGLASSEXAMPL" });
    expect(never.text).toContain(
      "<AccessKeyLastUsed><ServiceName>N/A</ServiceName><Region>N/A</Region></AccessKeyLastUsed>",
    );
  });

  it("of a key of nobody here is denied, as IAM does it", async () => {
    expect(await errorOf({ Action: "GetAccessKeyLastUsed", AccessKeyId: "AKIAXXXXXXXXXXXXXXXX" })).toEqual(
      refused(
        403,
        "AccessDenied",
        "User: arn:aws:iam::123456789012:user/lockkeeper is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key AKIAXXXXXXXXXXXXXXXX",
      ),
    );
  });

  it("tells who signed, in the words of STS", async () => {
    const { text } = await ask({ Action: "GetCallerIdentity" }, signedAs("AKIAIOSFODNN7EXAMPLE", "sts", "eu-west-1"));
    expect(text).toMatch(
      /^<GetCallerIdentityResponse xmlns="https:\/\/sts\.amazonaws\.com\/doc\/2011-06-15\/"><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user\/Bob<\/Arn><UserId>AIDA\w{17}<\/UserId><Account>123456789012<\/Account><\/GetCallerIdentityResult>/,
    );
  });
});

describe("a request that is none", () => {
  const list = { Action: "ListAccessKeys", UserName: "Bob" };

  it.each([
    ["no signature", {}, 403, "MissingAuthenticationToken"],
    ["a garbled one", { authorization: "AWS4-HMAC-SHA256 nonsense" }, 400, "IncompleteSignature"],
    ["another scheme", { authorization: "Bearer lk_abc" }, 400, "IncompleteSignature"],
    ["an unknown access key", signedAs("AKIAXXXXXXXXXXXXXXXX"), 403, "InvalidClientTokenId"],
    ["another service's scope", signedAs("AKIALOCKKEEPERSANDBX", "sts"), 403, "SignatureDoesNotMatch"],
    [
      "a region that IAM does not sign for",
      signedAs("AKIALOCKKEEPERSANDBX", "iam", "eu-central-1"),
      403,
      "SignatureDoesNotMatch",
    ],
  ] as const)("is refused: %s", async (_, headers, status, code) => {
    expect(await errorOf(list, headers)).toMatchObject({ status, code });
  });

  it("is refused once its access key is Inactive", async () => {
    const update = {
      Action: "UpdateAccessKey",
      UserName: "lockkeeper",
      AccessKeyId: "AKIALOCKKEEPERSANDBX",
      Status: "Inactive",
    };
    expect((await ask(update)).status).toBe(200);
    expect(await errorOf({ ...update, Status: "Active" })).toMatchObject({ status: 403, code: "InvalidClientTokenId" });
  });

  it.each([
    [{ Action: "DeleteUser" }, "InvalidAction", "Could not find operation DeleteUser for version 2010-05-08"],
    [
      { ...list, Version: "2011-06-15" },
      "InvalidAction",
      "Could not find operation ListAccessKeys for version 2011-06-15",
    ],
    [{ UserName: "Bob" }, "MissingAction", "The request must name an Action in a form body."],
  ])("asks for nothing that is known: %o", async (parameters, code, message) => {
    expect(await errorOf(parameters)).toEqual(refused(400, code, message));
  });

  it("has another method, another type, or is too large", async () => {
    const headers = { ...signedAs("AKIALOCKKEEPERSANDBX"), "content-type": "application/json" };
    expect((await fetch(stand.url)).status).toBe(405);
    expect((await fetch(stand.url, { method: "POST", headers, body: JSON.stringify(list) })).status).toBe(400);
    expect((await ask({ ...list, Filler: "x".repeat(70_000) })).status).toBe(413);
  });

  it("cannot smuggle markup into an answer", async () => {
    const { text } = await ask({ Action: "<b>&\r" });
    expect(text).toContain("<Message>Could not find operation &lt;b&gt;&amp;&#xD; for version 2010-05-08</Message>");
  });
});

describe("the listener", () => {
  it.each(["0.0.0.0", "::", "192.0.2.1", "example.org"])("is for this machine only: %s", async (host) => {
    await expect(startSandboxIam({ host })).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringContaining(host),
    });
  });

  it("may be IPv6", async () => {
    const six = await startSandboxIam({ host: "::1" });
    expect(six.url).toMatch(/^http:\/\/\[::1\]:[0-9]+$/);
    expect((await postQuery(six.url, { Action: "GetUser" })).status).toBe(200);
    await six.close();
  });
});
