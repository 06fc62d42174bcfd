import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type Gateway, startGateway } from "../fixture/gateway.ts";
import { sendRaw } from "../fixture/raw-http.ts";

const path = "/v1/status-changes";
const credential = { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" };
const change = { credential, status: "Inactive" };

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
afterEach(() => vi.restoreAllMocks());

const post = (body: unknown, headers = {}) => gateway.request("POST", path, { body, headers });

describe("a body that is no JSON object", () => {
  it.each([
    ["cut off", '{"status":"<script>'],
    ["with a comma too many", '{"status":"Inactive",}'],
    ["with a comment", '{"status":"Inactive"/*<script>*/}'],
    ["with NaN", '{"status":NaN}'],
    ["a blank", " "],
    ["with something behind it", '{"status":"Inactive"} <script>'],
  ])("%s is refused, and not repeated in the reply", async (_what, body) => {
    const reply = await post(body);
    expect(reply.status).toBe(400);
    expect(reply.json).toMatchObject({ detail: "The body is not valid JSON." });
    expect(reply.text).not.toContain("script");
  });

  it.each(['"<script>"', "1", "null", "true"])("%s is JSON but no object", async (body) => {
    const reply = await post(body);
    expect(reply.json).toMatchObject({ status: 400, errors: [{ pointer: "", detail: "must be a JSON object" }] });
    expect(reply.text).not.toContain("script");
  });

  it("a list is refused", async () => {
    expect((await post("[]")).json).toMatchObject({ status: 400, errors: [{ pointer: "", detail: "must be object" }] });
  });

  it("no body at all is refused", async () => {
    const bytes = `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sandbox-oncall\r\nContent-Type: application/json\r\n\r\n`;
    const [reply] = await sendRaw(gateway.port, bytes);
    expect(reply?.json).toMatchObject({
      status: 400,
      errors: [{ pointer: "", detail: "is missing: send a JSON object" }],
    });
  });

  it("an empty one is refused", async () => {
    const bytes = `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sandbox-oncall\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n`;
    const [reply] = await sendRaw(gateway.port, bytes);
    expect(reply?.json).toMatchObject({
      status: 400,
      errors: [{ pointer: "", detail: "is missing: send a JSON object" }],
    });
  });
});

describe("faults are told with a pointer to each", () => {
  it.each<[string, unknown, string[]]>([
    ["nothing in it", {}, ["/credential", "/status"]],
    ["an unknown status", { ...change, status: "Expired" }, ["/status"]],
    ["a status in lower case", { ...change, status: "inactive" }, ["/status"]],
    ["null for a status", { ...change, status: null }, ["/status", "/status"]],
    ["a number for a reason", { ...change, reason: 1 }, ["/reason"]],
    ["an empty reason", { ...change, reason: "" }, ["/reason"]],
    ["a reason over 512 characters", { ...change, reason: "x".repeat(513) }, ["/reason"]],
    ["a line break in the reason", { ...change, reason: "a\nb" }, ["/reason"]],
    ["a change of direction in the reason", { ...change, reason: "a\u202eb" }, ["/reason"]],
    ["an object for a ticket", { ...change, ticket: { id: "SEC-1" } }, ["/ticket"]],
    ["null for onBehalfOf", { ...change, onBehalfOf: null }, ["/onBehalfOf"]],
    ["an unknown member", { ...change, force: true }, ["/force"]],
    ["null for a credential", { ...change, credential: null }, ["/credential"]],
    ["a list for a credential", { ...change, credential: [credential] }, ["/credential"]],
    ["a credential without type", { ...change, credential: { id: credential.id } }, ["/credential/type"]],
    ["a credential of unknown type", { ...change, credential: { type: "password", id: 1 } }, ["/credential/type"]],
    [
      "a list for a type",
      { ...change, credential: { ...credential, type: ["access-key"] } },
      ["/credential/type", "/credential/type"],
    ],
    [
      "an id too short for its type",
      { ...change, credential: { type: "signing-certificate", id: "AKIAIOSFODNN7EXAMPLE" } },
      ["/credential/id"],
    ],
    ["an id with a slash", { ...change, credential: { ...credential, id: `${credential.id}/` } }, ["/credential/id"]],
    [
      "an id over 128 characters",
      { ...change, credential: { ...credential, id: "A".repeat(129) } },
      ["/credential/id"],
    ],
    [
      "a user name with a colon",
      { ...change, credential: { ...credential, userName: "a:b" } },
      ["/credential/userName"],
    ],
    [
      "letters that are not ASCII",
      { ...change, credential: { ...credential, userName: "Bób" } },
      ["/credential/userName"],
    ],
    [
      "a user name of 65 characters, for a type that takes 64",
      { ...change, credential: { type: "ssh-public-key", id: "APKAEIBAERJR2EXAMPLE", userName: "u".repeat(65) } },
      ["/credential/userName"],
    ],
    [
      "an unknown member of the credential",
      { ...change, credential: { ...credential, path: "/" } },
      ["/credential/path"],
    ],
    [
      "an account of eleven digits",
      { ...change, credential: { ...credential, account: "12345678901" } },
      ["/credential/account", "/credential/account"],
    ],
    ["another account", { ...change, credential: { ...credential, account: "999999999999" } }, ["/credential/account"]],
  ])("%s", async (_what, body, pointers) => {
    const { status, json } = await post(body);
    expect(status).toBe(400);
    expect((json as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer)).toEqual(pointers);
  });

  it("a type that nobody knows is answered with those that there are", async () => {
    expect((await post({ ...change, credential: { type: "password" } })).json).toMatchObject({
      errors: [
        {
          pointer: "/credential/type",
          detail:
            "must be equal to one of the allowed values: signing-certificate, service-specific-credential, access-key, ssh-public-key",
        },
      ],
    });
  });

  it("up to twenty of them, and no name of the caller's that could do harm elsewhere", async () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`<script>${n}`, n]));
    const { json, text } = await post({ ...change, ...many });
    expect((json as { errors: unknown[] }).errors).toHaveLength(20);
    expect(text).not.toContain("script");
    expect((await post({ ...change, credential: { ...credential, "a/<b>": 1 } })).text).not.toContain("<b>");
  });

  it("a malformed Idempotency-Key is a fault of the header", async () => {
    const { status, json } = await post(change, { "idempotency-key": "two words" });
    expect(status).toBe(400);
    expect(json).toMatchObject({ errors: [{ in: "header", name: "idempotency-key" }] });
  });
});

describe("what JavaScript could take differently", () => {
  it.each([
    ["__proto__", `{"__proto__":{"status":"Active"},"credential":${JSON.stringify(credential)},"status":"Inactive"}`],
    [
      "__proto__, written with an escape",
      `{"\\u005f_proto__":{},"credential":${JSON.stringify(credential)},"status":"Inactive"}`,
    ],
    [
      "__proto__ inside",
      `{"credential":{"__proto__":{"userName":"Bob"},"type":"access-key","id":"AKIAIOSFODNN7EXAMPLE"},"status":"Inactive"}`,
    ],
    ["constructor", `{"constructor":{"prototype":{}},"credential":${JSON.stringify(credential)},"status":"Inactive"}`],
  ])("a member of the name %s is refused", async (_name, body) => {
    const { status, json } = await post(body);
    expect(status).toBe(400);
    expect(json).toMatchObject({ errors: [{ detail: "must not have a member of that name" }] });
    expect(({} as Record<string, unknown>)["status"]).toBeUndefined();
  });

  it.each([
    ["lists", 8_000, "[", "]"],
    ["lists", 17, "[", "]"],
    ["objects", 1_600, '{"a":', "}"],
  ])("%s inside each other, %i deep, are refused before anybody walks them", async (_what, depth, open, close) => {
    const { status, json } = await post(`${open.repeat(depth)}${open === "[" ? "" : "1"}${close.repeat(depth)}`);
    expect(status).toBe(400);
    expect(json).toMatchObject({ errors: [{ pointer: "", detail: "must not be nested deeper than 16" }] });
  });

  it("more members than any request has are refused before anybody looks at each", async () => {
    const { json } = await post(`[${"0,".repeat(2_000)}0]`);
    expect(json).toMatchObject({ status: 400, errors: [{ detail: "must not have more than 256 members" }] });
  });

  it.each([
    ["in a value", '{"reason":"\\ud800"}'],
    ["in a name", '{"\\udfff":1}'],
  ])("half a surrogate pair is refused: %s", async (_where, body) => {
    const { status, json } = await post(body);
    expect(status).toBe(400);
    expect(json).toMatchObject({ errors: [{ detail: expect.stringContaining("well-formed Unicode") }] });
  });

  it("a whole surrogate pair is taken, and given back as it was", async () => {
    expect((await post({ ...change, reason: "🔑 leaked" })).json).toMatchObject({ reason: "🔑 leaked" });
  });

  it("bytes that are not UTF-8 are refused", async () => {
    const body = Buffer.concat([Buffer.from('{"reason":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]);
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sandbox-oncall\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    const [reply] = await sendRaw(gateway.port, Buffer.concat([Buffer.from(head), body]));
    expect(reply?.json).toMatchObject({ status: 400, errors: [{ detail: "must be UTF-8" }] });
  });

  it("of two members of one name the last one counts, for policy, the record and IAM alike", async () => {
    const body = `{"credential":${JSON.stringify({ ...credential, userName: "break-glass" })},"credential":${JSON.stringify(credential)},"status":"Active","status":"Inactive"}`;
    const reply = await post(body);
    expect(reply.json).toMatchObject({ credential: { userName: "Bob" }, status: "Inactive" });
    const { id } = reply.json as { id: string };
    const [intent] = await gateway.journal.recordsOf(id);
    expect(JSON.parse(intent?.body ?? "")).toMatchObject({
      unmapped: { input: { credential: { userName: "Bob" }, change: { status: "Inactive" } } },
    });
    expect(gateway.standIn.journal.entries().at(-1)).toMatchObject({
      changeId: id,
      userName: "Bob",
      status: "Inactive",
    });
  });
});

describe("the content type", () => {
  it.each([
    "application/json",
    "application/json; charset=utf-8",
    "Application/JSON;charset=UTF-8",
    'application/json ; charset="utf-8"',
  ])("%s is JSON", async (type) => {
    expect((await post(change, { "content-type": type })).status).toBe(201);
  });

  it.each([
    "text/plain",
    "text/json",
    "application/json5",
    "application/problem+json",
    "application/merge-patch+json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-16",
    "application/json; charset=latin1",
    'application/json; charset="utf-8',
    "application/json; version=1",
    "application/json, text/plain",
    "application/json;",
    "*/*",
    "",
  ])("%j is not", async (type) => {
    expect((await post(JSON.stringify(change), { "content-type": type })).status).toBe(415);
  });

  it.each(["gzip", "br", "deflate", "zstd", "aes128gcm"])(
    "a body in the content encoding %s is refused",
    async (encoding) => {
      expect((await post(change, { "content-encoding": encoding })).status).toBe(415);
    },
  );

  it("in hundreds of forms makes the validator keep nothing new: it is the same to it, or not there", async () => {
    const fresh = await startGateway();
    const askAll = async (as: string, headers: Record<string, string>) => {
      await fresh.request("POST", path, { as, body: change, headers });
      await fresh.request("POST", "/v1/decisions", { as, body: change, headers });
      await fresh.request("GET", "/v1/users/sofia/credentials", { as, headers });
    };
    await askAll("viewer", { "content-type": "application/json" });
    const compiled = vi.spyOn(Object.getPrototypeOf(Ajv2020.prototype), "addSchema");
    for (let n = 0; n < 200; n += 1) {
      const type = n % 2 === 0 ? `application/json; x=${n}` : `application/json;${" ".repeat(n)}charset="utf-8"`;
      await askAll("viewer", { "content-type": type });
    }
    expect(compiled).not.toHaveBeenCalled();
    await fresh.close();
  });
});
