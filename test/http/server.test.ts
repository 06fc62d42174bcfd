import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createPlainServer, type Server } from "node:http";
import { request } from "node:https";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { replyHeaders } from "../../src/http/reply-headers.ts";
import { createServer, drain, listen, type ServerOptions } from "../../src/http/server.ts";
import { readTls } from "../../src/http/tls.ts";
import { parseReplies, sendRaw } from "../fixture/raw-http.ts";

const tls = { cert: pem("cert"), key: pem("key") };
function pem(name: string): Buffer {
  return readFileSync(new URL(`../fixture/tls/${name}.pem`, import.meta.url));
}

let server: Server;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function start(app: ServerOptions["app"], options: Partial<ServerOptions> = {}): Promise<number> {
  server = createServer({ app, headers: replyHeaders({ sandbox: false, tls: options.tls !== undefined }), ...options });
  return (await listen(server, "127.0.0.1", 0)).port;
}

describe("the server", () => {
  it("speaks TLS when it has a certificate", async () => {
    const port = await start((_request, response) => response.end("through"), { tls });
    const { ca, text } = { ca: tls.cert, text: [] as string[] };
    const call = request({ host: "127.0.0.1", servername: "localhost", port, ca, path: "/" }).end();
    const [reply] = await once(call, "response");
    for await (const chunk of reply) text.push(String(chunk));
    expect(text.join("")).toBe("through");
  });

  it("tells browsers to come back by TLS, once it speaks it", () => {
    expect(replyHeaders({ sandbox: false, tls: true }).get("Strict-Transport-Security")).toBe("max-age=31536000");
    expect(replyHeaders({ sandbox: false, tls: false }).has("Strict-Transport-Security")).toBe(false);
  });

  it("says that it is a sandbox, and only then", () => {
    expect(replyHeaders({ sandbox: true, tls: false }).get("Lockkeeper-Sandbox")).toBe("true");
    expect(replyHeaders({ sandbox: false, tls: false }).has("Lockkeeper-Sandbox")).toBe(false);
  });

  it("refuses to start on a port that is taken", async () => {
    const port = await start(() => {});
    const second = createPlainServer();
    await expect(listen(second, "127.0.0.1", port)).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringMatching(
        /^Cannot listen on 127\.0\.0\.1, port \d+: another program listens there already\./,
      ),
    });
  });

  it("refuses a certificate that is none, or has another key, and says which files it is about", () => {
    const [cert, key] = ["cert", "key"].map((name) => new URL(`../fixture/tls/${name}.pem`, import.meta.url).pathname);
    if (cert === undefined || key === undefined) throw new Error("no files");
    expect(readTls({ certFile: cert, keyFile: key }).cert).toEqual(tls.cert);
    for (const [certFile, keyFile] of [
      [key, key],
      [cert, cert],
      [cert, "/nonexistent/key.pem"],
    ] as const) {
      expect(() => readTls({ certFile, keyFile })).toThrow(
        expect.objectContaining({ code: "configuration", message: expect.stringContaining(keyFile) }),
      );
    }
  });

  it("answers a peer that it does not admit with 421, and the app does not see its request", async () => {
    const seen: string[] = [];
    const app: ServerOptions["app"] = (request, response) => {
      seen.push(request.url ?? "");
      response.end();
    };
    const peers: (string | undefined)[] = [];
    const admits = (address: string | undefined) => {
      peers.push(address);
      return false;
    };
    const port = await start(app, { admits });
    const two = "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n";
    const replies = await sendRaw(port, two, 1);
    expect(replies.map(({ status, text }) => [status, JSON.parse(text)["status"]])).toEqual([[421, 421]]);
    expect(replies[0]?.text).toContain("trustedProxies");
    expect(peers[0]).toBe("127.0.0.1");
    expect(seen).toEqual([]);
  });

  it("answers garbage after a finished request, on the same connection", async () => {
    const port = await start((_request, response) => response.end());
    const replies = await sendRaw(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\nGARBAGE\r\n\r\n", 2);
    expect(replies.map(({ status }) => status)).toEqual([200, 400]);
  });
});

describe("draining", () => {
  it("lets a running request finish, takes no new ones, and then is done", async () => {
    let finish = () => {};
    const port = await start((_request, response) => {
      finish = () => response.end("finished");
    });
    const socket = connect(port, "127.0.0.1");
    const received: Buffer[] = [];
    socket.on("data", (chunk) => received.push(chunk));
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(server, "request");
    const drained = drain(server, 60_000);
    const refused = connect(port, "127.0.0.1");
    expect(await once(refused, "error")).toMatchObject([{ code: "ECONNREFUSED" }]);
    finish();
    await drained;
    expect(parseReplies(Buffer.concat(received)).map(({ text }) => text)).toEqual(["finished"]);
  });

  it("cuts off what does not finish in time", async () => {
    const port = await start(() => {});
    const socket = connect(port, "127.0.0.1");
    const cut = once(socket, "close");
    socket.on("error", () => {});
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(server, "request");
    await drain(server, 10);
    await cut;
  });
});
