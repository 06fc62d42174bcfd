import { writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type HttpSourceOptions, httpSource } from "../../../src/policy/sources/http.ts";
import { livingPolicies, release } from "../living-policies.ts";
import { testFolder } from "../signed-bundles.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const WAITS = "application/vnd.openpolicyagent.bundles";
const folder = testFolder();
const never = new AbortController().signal;
let answer: Answer;
let requests: IncomingMessage[];
let server: ReturnType<typeof createServer>;
let url = "";
beforeEach(async () => {
  requests = [];
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/bundles/lockkeeper.tar.gz`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** Serves one bundle as OPA's Bundle Service API says. */
function serving(bytes: Uint8Array, etag: string): Answer {
  return (request, response) => {
    if (request.headers["if-none-match"] === etag) response.writeHead(304, { etag }).end();
    else response.writeHead(200, { etag, "content-type": "application/gzip" }).end(bytes);
  };
}

function source(options: Partial<HttpSourceOptions> = {}) {
  return httpSource({ url, waitSeconds: 0, deadlineMs: 2_000, maxBytes: 1_000_000, ...options });
}

describe("a bundle service", () => {
  it("gives a bundle with its version, and then says that there is no other", async () => {
    const bytes = await release("r1", 1);
    answer = serving(bytes, '"v1"');
    const first = await source().look(undefined, never);
    expect(first).toMatchObject({ kind: "bundle", version: '"v1"', waited: false });
    if (first.kind === "bundle") expect(first.files().has("policy.wasm")).toBe(true);
    expect(await source().look('"v1"', never)).toEqual({ kind: "unchanged", waited: false });
    expect(requests.map(({ headers }) => headers["prefer"])).toEqual(["modes=snapshot", "modes=snapshot"]);
    expect(requests[0]?.headers["authorization"]).toBeUndefined();
  });

  it("is shown the token that is in the file at that moment", async () => {
    answer = serving(await release("r1", 1), '"v1"');
    const tokenFile = folder.path("token");
    const asked = source({ tokenFile });
    for (const token of ["one", "two"]) {
      writeFileSync(tokenFile, `${token}\n`);
      await asked.look(undefined, never);
    }
    expect(requests.map(({ headers }) => headers["authorization"])).toEqual(["Bearer one", "Bearer two"]);
    writeFileSync(tokenFile, "two\nlines");
    await expect(asked.look(undefined, never)).rejects.toThrow(/^policy.tokenFile holds no bearer token$/);
  });

  it("is asked to wait where that is configured, and asked again at once when it has waited", async () => {
    const held: (() => void)[] = [];
    answer = (_, response) => {
      held.push(() => response.writeHead(304, { "content-type": WAITS }).end());
    };
    const looked = source({ waitSeconds: 30 }).look('"v1"', never);
    await expect.poll(() => held.length).toBe(1);
    held[0]?.();
    expect(await looked).toEqual({ kind: "unchanged", waited: true });
    expect(requests[0]?.headers["prefer"]).toBe("modes=snapshot;wait=30");
  });

  const failing: readonly [what: string, answer: Answer, message: RegExp][] = [
    ["500", (_, response) => response.writeHead(500).end("secret of theirs"), /^it answers with 500$/],
    ["304 to nothing known", (_, response) => response.writeHead(304).end(), /^it answers with 304$/],
    ["401", (_, response) => response.writeHead(401).end(), /^it answers with 401$/],
    ["the end of the connection", (request) => request.socket.destroy(), /other side closed|socket hang up|ECONNRESET/],
  ];
  it.each(failing)("that answers with %s gives nothing", async (_, given, message) => {
    answer = given;
    await expect(source().look(undefined, never)).rejects.toThrow(message);
  });

  it("is not followed to where it redirects, and the token does not go there", async () => {
    const tokenFile = folder.path("token");
    writeFileSync(tokenFile, "t");
    answer = (_, response) => response.writeHead(302, { location: `${url}/elsewhere` }).end();
    await expect(source({ tokenFile }).look(undefined, never)).rejects.toThrow(
      /a redirect \(302\), which is not followed/,
    );
    expect(requests).toHaveLength(1);
  });

  it("that is silent, or slow in the middle of its answer, is given up in time", async () => {
    for (const given of [
      () => {},
      (_: IncomingMessage, response: ServerResponse) => void response.writeHead(200).write("begin"),
    ]) {
      answer = given;
      await expect(source({ deadlineMs: 150 }).look(undefined, never)).rejects.toThrow(/^no answer in time$/);
    }
  });

  it("that sends more than configured is cut off", async () => {
    const huge = Buffer.alloc(2_000_000);
    answer = (_, response) => response.writeHead(200).end(huge);
    await expect(source().look(undefined, never)).rejects.toThrow(/more than 1000000 bytes/);
  });

  it("that names a content encoding is told to serve the bundle as it is, be it packed once more or not", async () => {
    const bytes = await release("r1", 1);
    for (const body of [bytes, gzipSync(bytes), gzipSync(Buffer.alloc(2_000_000))]) {
      answer = (_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(body);
      await expect(source().look(undefined, never)).rejects.toThrow(/Content-Encoding.*serve it without/);
    }
    answer = (_, response) => response.writeHead(200, { "content-encoding": "identity" }).end(bytes);
    expect(await source().look(undefined, never)).toMatchObject({ kind: "bundle" });
  });
});

describe("policies from a bundle service", () => {
  it("are taken while decisions go on, and a broken, an older or no answer changes nothing", async () => {
    answer = serving(await release("r1", 1), '"1"');
    const living = await livingPolicies({ source: source() });
    try {
      await living.start();
      expect(living.pdp.revision).toBe("r1");
      expect(await living.look()).toBe(1_000);
      answer = serving(await release("r2", 2), '"2"');
      await living.look();
      expect(living.pdp.revision).toBe("r2");
      answer = serving(Buffer.from("broken"), '"3"');
      await living.look();
      await living.look();
      answer = serving(await release("r1", 1), '"1"');
      await living.look();
      answer = (_, response) => response.writeHead(503).end();
      expect(await living.look()).toBe(50);
      expect(living.pdp.revision).toBe("r2");
      expect(await living.recorded()).toEqual([
        "activated r2",
        "refused ? bundle-unreadable",
        "refused r1 bundle-older",
      ]);
      const [known] = requests.slice(-1);
      expect(known?.headers["if-none-match"]).toBe('"1"');
    } finally {
      await living.close();
      living.folder.remove();
    }
  });

  it("are the last good ones when the service is away at start", async () => {
    answer = serving(await release("r1", 1), '"1"');
    const living = await livingPolicies({ source: source() });
    await living.start();
    await living.close();
    answer = (request) => request.socket.destroy();
    const again = await livingPolicies({ source: source(), folder: living.folder, clock: living.clock });
    try {
      await again.start();
      expect(again.pdp.revision).toBe("r1");
      expect(again.updates.state().trouble?.code).toBe("update-failed");
    } finally {
      await again.close();
      living.folder.remove();
    }
  });
});
