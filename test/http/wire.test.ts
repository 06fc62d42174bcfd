import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Gateway, startGateway } from "../fixture/gateway.ts";
import { parseReplies, type RawReply, sendRaw } from "../fixture/raw-http.ts";

const authorization = "Authorization: Bearer sandbox-oncall";
const change = JSON.stringify({
  credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
  status: "Inactive",
});

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

async function send(...lines: string[]): Promise<RawReply> {
  const [reply] = await sendRaw(gateway.port, lines.join("\r\n"));
  if (reply === undefined) throw new Error("the connection was closed without a reply");
  return reply;
}

/** A POST of a change with these headers beside, or instead of, the usual ones. */
function post(...headers: string[]): Promise<RawReply> {
  const usual = [authorization, "Host: x", "Content-Type: application/json", `Content-Length: ${change.length}`];
  return send("POST /v1/status-changes HTTP/1.1", ...usual, ...headers, "", change);
}

function get(target: string, ...headers: string[]): Promise<RawReply> {
  return send(`GET ${target} HTTP/1.1`, "Host: x", authorization, ...headers, "", "");
}

function expectProblem(reply: RawReply, status: number, code = "malformed-request"): void {
  expect(reply.status).toBe(status);
  expect(reply.headers.get("content-type")).toBe("application/problem+json");
  expect(reply.headers.get("lockkeeper-sandbox")).toBe("true");
  expect(reply.headers.get("x-content-type-options")).toBe("nosniff");
  expect(reply.json).toMatchObject({
    type: `urn:lockkeeper:problem:${code}`,
    status,
    requestId: reply.headers.get("x-request-id"),
  });
}

describe("what Node's own parser refuses is answered by a problem, too", () => {
  it.each([
    [
      "Content-Length and Transfer-Encoding at once",
      400,
      ["POST / HTTP/1.1", "Host: x", "Content-Length: 3", "Transfer-Encoding: chunked", "", "0", "", ""],
    ],
    ["two Content-Lengths", 400, ["POST / HTTP/1.1", "Host: x", "Content-Length: 3", "Content-Length: 4", "", "abcd"]],
    ["a request line that is none", 400, ["HELLO", "", ""]],
    ["a blank before the colon", 400, ["GET /livez HTTP/1.1", "Host : x", "", ""]],
    ["a header that goes on in the next line", 400, ["GET /livez HTTP/1.1", "Host: x", "X-A: b", " c", "", ""]],
    ["headers over 16 KiB", 431, ["GET /livez HTTP/1.1", "Host: x", `X-A: ${"a".repeat(17_000)}`, "", ""]],
    [
      "an unknown transfer coding",
      400,
      ["POST /v1/decisions HTTP/1.1", "Host: x", "Transfer-Encoding: chunked, identity", "", ""],
    ],
    [
      "a chunk without a size",
      400,
      [
        "POST /v1/decisions HTTP/1.1",
        "Host: x",
        authorization,
        "Content-Type: application/json",
        "Transfer-Encoding: chunked",
        "",
        "zz",
        "",
      ],
    ],
  ])("%s", async (_what, status, lines) => {
    const reply = await send(...lines);
    expectProblem(reply, status);
    expect(reply.headers.get("connection")).toBe("close");
  });

  it("a request that does not arrive in time", async () => {
    const hasty = await startGateway({
      timeouts: { headersTimeout: 20, requestTimeout: 20, connectionsCheckingInterval: 10 },
    });
    const [reply] = await sendRaw(hasty.port, "GET /livez HTTP/1.1\r\nHost: x\r\n");
    await hasty.close();
    if (reply === undefined) throw new Error("the connection was closed without a reply");
    expectProblem(reply, 408);
  });

  it("but never in place of the reply to an earlier request of the same connection", async () => {
    // The second request of this connection is broken while IAM works at the first.
    const socket = connect(gateway.port, "127.0.0.1");
    const closed = new Promise<Buffer>((resolve) => {
      const chunks: Buffer[] = [];
      socket.on("data", (chunk) => chunks.push(chunk));
      socket.on("error", () => {});
      socket.on("close", () => resolve(Buffer.concat(chunks)));
    });
    let updates = 0;
    gateway.standIn.beforeAnswer = async () => {
      updates += 1;
      gateway.standIn.beforeAnswer = undefined;
      socket.write("GARBAGE\r\n\r\n");
      await closed;
    };
    const headers = [authorization, "Host: x", "Content-Type: application/json", `Content-Length: ${change.length}`];
    socket.write(["POST /v1/status-changes HTTP/1.1", ...headers, "", change].join("\r\n"));
    expect(parseReplies(await closed)).toEqual([]);
    expect(updates).toBe(1);
  });
});

describe("headers", () => {
  it.each([
    ["Authorization", "Authorization: Bearer sandbox-admin"],
    ["Content-Type", "Content-Type: text/plain"],
    ["Host", "Host: y"],
  ])("a second %s is refused, not ignored", async (name, header) => {
    const reply = await post(header);
    expectProblem(reply, 400);
    expect(reply.json).toMatchObject({ errors: [{ in: "header", name: name.toLowerCase() }] });
  });

  it("a second Idempotency-Key is refused, not ignored", async () => {
    const reply = await post("Idempotency-Key: a", "Idempotency-Key: b");
    expectProblem(reply, 400);
    expect(reply.json).toMatchObject({ errors: [{ in: "header", name: "idempotency-key" }] });
  });

  it("a missing Host is refused", async () => {
    expectProblem(await send("GET /livez HTTP/1.1", "", ""), 400);
  });

  it("a request id that was sent along is not taken over", async () => {
    const { headers, json } = await get("/livez", "X-Request-Id: chosen-by-the-caller");
    expect(json).toEqual({ status: "ok" });
    expect(headers.get("x-request-id")).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  it("an expectation other than 100-continue is ignored", async () => {
    expect((await get("/livez", "Expect: a-miracle")).status).toBe(200);
  });

  it("a request to become another protocol is answered as HTTP", async () => {
    expect((await get("/livez", "Connection: Upgrade", "Upgrade: websocket")).status).toBe(200);
  });

  it("tell nobody what the gateway is made of", async () => {
    const { headers } = await get("/livez");
    expect([headers.get("x-powered-by"), headers.get("server"), headers.get("etag")]).toEqual([null, null, null]);
  });
});

describe("the path", () => {
  it.each([
    "/v1/users/a%2Fb/credentials",
    "/v1/users/a%2fb/credentials",
    "/v1/users/a%5Cb/credentials",
    "/v1/users/a%00b/credentials",
    "/v1/users/a%0D%0Ab/credentials",
    "/v1/users/%2e/credentials",
    "/v1/users/%2E%2e/credentials",
    "/v1/users/./credentials",
    "/v1/users/../credentials",
    "/v1/../livez",
    "/v1/%2e%2e/livez",
    "/v1/users/%zz/credentials",
    "/v1/users/%/credentials",
    "/v1/users/%ff/credentials",
    "/v1/users/%C0%AF/credentials",
    "\\v1\\users\\Bob\\credentials",
    "/v1\\users\\Bob\\credentials",
    "/livez#fragment",
    "/v1/users/Bob;x/cred<script>",
    "http://elsewhere.example/livez",
    "*",
    "/livez?x=1",
    "/v1/users/Bob/credentials?",
  ])("%s is refused", async (target) => {
    const reply = await get(target);
    expectProblem(reply, 400);
    expect(reply.text).not.toMatch(/script|elsewhere|fragment/);
  });

  it("escapes that change nothing about it are read", async () => {
    const { status, json } = await get("/v1/users/%42ob/credentials");
    expect(status).toBe(200);
    expect(json).toMatchObject({ userName: "Bob" });
  });

  it.each([
    ["with a slash at its end", "/v1/users/Bob/credentials/"],
    ["with a slash too many", "/v1//users/Bob/credentials"],
    ["with two slashes at its beginning", "//livez"],
    ["in capitals", "/V1/USERS/Bob/CREDENTIALS"],
    ["of a probe, in capitals", "/Livez"],
    ["of a probe, with a slash at its end", "/livez/"],
    ["that nobody knows", "/v2/status-changes"],
  ])("is another one %s", async (_what, target) => {
    expectProblem(await get(target), 404, "not-found");
  });

  it("that does not exist is told to nobody who has not said who they are", async () => {
    expectProblem(await send("GET /v2 HTTP/1.1", "Host: x", "", ""), 401, "unauthenticated");
  });
});

describe("methods", () => {
  it("HEAD is GET without its body", async () => {
    const [reply] = await sendRaw(
      gateway.port,
      `HEAD /v1/users/Bob/credentials HTTP/1.1\r\nHost: x\r\n${authorization}\r\nConnection: close\r\n\r\n`,
      9,
    );
    expect(reply).toBeUndefined(); // Content-Length names a body that does not come,
    const received = await fetch(`${gateway.url}/v1/users/Bob/credentials`, {
      method: "HEAD",
      headers: { authorization: "Bearer sandbox-oncall" },
    });
    expect(received.status).toBe(200);
    expect(Number(received.headers.get("content-length"))).toBeGreaterThan(100);
  });

  it.each([
    ["OPTIONS", "/v1/status-changes", "GET, HEAD, POST"],
    ["TRACE", "/v1/status-changes", "GET, HEAD, POST"],
    ["GET", "/v1/decisions", "POST"],
    ["HEAD", "/v1/decisions", "POST"],
    ["OPTIONS", "/v1/users/Bob/credentials", "GET, HEAD"],
    ["POST", "/v1/access-keys/AKIAIOSFODNN7EXAMPLE", "GET, HEAD"],
    ["OPTIONS", "/livez", "GET, HEAD"],
    ["PROPFIND", "/readyz", "GET, HEAD"],
  ])("%s %s is not allowed, and Allow says what is", async (method, path, allow) => {
    const response = await fetch(`${gateway.url}${path}`, {
      method,
      headers: { authorization: "Bearer sandbox-oncall" },
    }).catch(() => undefined);
    // fetch refuses TRACE itself.
    const { status, headers } =
      response ?? (await send(`${method} ${path} HTTP/1.1`, "Host: x", authorization, "", ""));
    expect(status).toBe(405);
    expect(headers.get("allow")).toBe(allow);
  });

  it("a GET with a body is refused", async () => {
    expectProblem(
      await send("GET /v1/users/Bob/credentials HTTP/1.1", "Host: x", authorization, "Content-Length: 2", "", "{}"),
      400,
    );
    expectProblem(await send("GET /livez HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", "", "0", "", ""), 400);
  });
});

describe("nobody's body is read before it is known who sends it", () => {
  it.each([
    ["nobody", "X-Nothing: 1", 401],
    ["an unknown token", "Authorization: Bearer sandbox-nobody", 401],
    ["a method that the path does not have", authorization, 405],
  ])("%s is answered while the body is still to come", async (_who, header, status) => {
    const method = status === 405 ? "PUT" : "POST";
    const reply = await send(
      `${method} /v1/status-changes HTTP/1.1`,
      "Host: x",
      header,
      "Content-Type: application/json",
      "Content-Length: 900",
      "",
      "",
    );
    expect(reply.status).toBe(status);
  });

  it("a body that says that it is over 16 KiB is refused before it comes", async () => {
    const reply = await send(
      "POST /v1/status-changes HTTP/1.1",
      "Host: x",
      authorization,
      "Content-Type: application/json",
      "Content-Length: 16385",
      "",
      "",
    );
    expectProblem(reply, 413, "payload-too-large");
  });

  it("a body that turns out to be over 16 KiB is refused", async () => {
    const body = change.padEnd(16 * 1024 + 1);
    const reply = await send(
      "POST /v1/status-changes HTTP/1.1",
      "Host: x",
      authorization,
      "Content-Type: application/json",
      "Transfer-Encoding: chunked",
      "",
      body.length.toString(16),
      body,
      "0",
      "",
      "",
    );
    expectProblem(reply, 413, "payload-too-large");
  });

  it("a body of 16 KiB in chunks is read", async () => {
    const body = change.padEnd(16 * 1024);
    const half = body.length / 2;
    const chunks = [body.slice(0, half), body.slice(half)].flatMap((chunk) => [chunk.length.toString(16), chunk]);
    const reply = await send(
      "POST /v1/status-changes HTTP/1.1",
      "Host: x",
      authorization,
      "Content-Type: application/json",
      "Transfer-Encoding: chunked",
      "",
      ...chunks,
      "0",
      "",
      "",
    );
    expect(reply.status).toBe(201);
  });
});
