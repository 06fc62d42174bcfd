import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Reconciler } from "../../src/changes/reconcile.ts";
import {
  type ClientOptions,
  createClient,
  LockkeeperProblem,
  LockkeeperUnanswered,
  type StatusChange,
  type StatusChangeRequest,
} from "../../src/client/client.ts";
import { verifyReceipt } from "../../src/client/receipt.ts";
import { TestClock } from "../fixture/clock.ts";
import { allOf } from "../fixture/errors.ts";
import { type Gateway, type GatewayOptions, startGateway } from "../fixture/gateway.ts";
import { testKey } from "../fixture/log-keys.ts";

const off: StatusChangeRequest = {
  credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
  status: "Inactive",
};

let gateway: Gateway;
/** What the clients of a test have sent. */
let sent: Request[];
const toClose: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
beforeEach(() => {
  sent = [];
});
afterEach(async () => {
  gateway.standIn.faults.clear();
  for (const close of toClose.splice(0)) await close();
});

/** A gateway of the test's own. */
async function another(options: GatewayOptions): Promise<Gateway> {
  const of = await startGateway(options);
  toClose.push(() => of.close());
  return of;
}

/** Something that is no Lockkeeper. Resolves with its URL. */
async function impostor(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  toClose.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Where nobody listens any more. */
async function deserted(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

/** A client as this principal of the sandbox; it notes what it sends, and its waits take no time. */
function clientOf(as = "oncall", options: Partial<ClientOptions> = {}, of = gateway) {
  return createClient({
    baseUrl: of.url,
    token: `sandbox-${as}`,
    clock: new TestClock(),
    fetch: (request) => {
      sent.push(request.clone());
      return fetch(request);
    },
    ...options,
  });
}

async function problemOf(asking: Promise<unknown>): Promise<LockkeeperProblem> {
  const error = await asking.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof LockkeeperProblem) return error;
  throw new Error("there was no problem", { cause: error });
}

async function unanswered(asking: Promise<unknown>): Promise<LockkeeperUnanswered> {
  const error = await asking.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof LockkeeperUnanswered) return error;
  throw new Error("there was an answer", { cause: error });
}

const keysSent = () => sent.map(({ headers }) => headers.get("Idempotency-Key"));
const methods = () => sent.map(({ method }) => method);

/** Loses the answers to the first so many requests; the gateway has had them. */
function losing(count: number): NonNullable<ClientOptions["fetch"]> {
  let left = count;
  return async (request) => {
    sent.push(request.clone());
    const response = await fetch(request);
    if (left-- <= 0) return response;
    await response.body?.cancel();
    throw new TypeError("fetch failed", { cause: Object.assign(new Error("reset"), { code: "ECONNRESET" }) });
  };
}

describe("a change", () => {
  it("resolves when it is applied, with a receipt that the log's public key proves to be of it", async () => {
    const change = await clientOf().setStatus({ ...off, reason: "seen on a shared host" });
    expect(change).toMatchObject({ outcome: "applied", status: "Inactive", reason: "seen on a shared host" });
    const proven = verifyReceipt(change.receipt, { keys: [testKey.verifier], changeId: change.id });
    expect(proven).toMatchObject({ changeId: change.id, record: { class_uid: 6003 }, index: change.receipt.index });
    expect(await clientOf("viewer").statusChange(change.id)).toMatchObject({ id: change.id, outcome: "applied" });
  });

  it("has an Idempotency-Key of its own, or the caller's", async () => {
    const client = clientOf();
    const [one, two] = [await client.setStatus(off), await client.setStatus(off)];
    expect(two.id).not.toBe(one.id);
    expect(new Set(keysSent()).size).toBe(2);
    const options = { idempotencyKey: "rotate-bob" };
    expect((await client.setStatus(off, options)).id).toBe((await client.setStatus(off, options)).id);
  });

  it("that is denied says why, with the receipt of the denial, and is asked for once", async () => {
    const problem = await problemOf(clientOf("viewer").setStatus(off));
    expect(problem).toMatchObject({
      code: "denied",
      type: "urn:lockkeeper:problem:denied",
      status: 403,
      message: "Denied by policy: Nothing allows this principal to do this.",
      reasons: [{ code: "not-permitted", message: "Nothing allows this principal to do this." }],
      nothingChanged: true,
      retryAfter: undefined,
    });
    const { receipt, changeId } = problem;
    if (receipt === undefined) throw new Error("it has no receipt");
    expect(verifyReceipt(receipt, { keys: [testKey.verifier], changeId })).toMatchObject({ changeId });
    expect(sent).toHaveLength(1);
  });

  it("of what IAM does not know, or refuses, or that is malformed, is not sent again", async () => {
    const nobody = { ...off, credential: { ...off.credential, userName: "Nobody" } };
    const notFound = await problemOf(clientOf().setStatus(nobody));
    expect(notFound).toMatchObject({ status: 404, code: "iam-entity-not-found", nothingChanged: true });
    gateway.standIn.faults.next({ kind: "access-denied", action: "Update*" });
    const refused = await problemOf(clientOf().setStatus(off));
    expect(refused).toMatchObject({ status: 502, awsCode: "AccessDenied", nothingChanged: true });
    const malformed = await problemOf(clientOf().setStatus({ ...off, ticket: "no ticket" }));
    expect(malformed).toMatchObject({ status: 400, errors: [{ pointer: "/ticket" }], nothingChanged: true });
    expect((await problemOf(clientOf("stranger").setStatus(off))).status).toBe(401);
    expect(sent).toHaveLength(4);
  });

  it("that another one stands in the way of says which, and when to come back", async () => {
    const during: LockkeeperProblem[] = [];
    gateway.standIn.beforeAnswer = async () => {
      gateway.standIn.beforeAnswer = undefined;
      during.push(await problemOf(clientOf("admin").setStatus(off)));
    };
    const first = await clientOf().setStatus(off);
    expect(during).toMatchObject([
      { status: 409, code: "change-in-flight", changeId: first.id, replayed: false, nothingChanged: true },
    ]);
    expect(during[0]?.retryAfter).toBeGreaterThan(0);
  });

  it("after a 503 is sent again when Retry-After has passed, with the same key, and made once", async () => {
    gateway.standIn.faults.next({ kind: "throttle", action: "Update*", times: "always" });
    const clock = new TestClock();
    const start = clock.now();
    const waits: number[] = [];
    const sleep = async (ms: number) => {
      waits.push(ms);
      gateway.standIn.faults.clear();
    };
    const change = await clientOf("oncall", { clock: { now: () => start, sleep } }).setStatus(off);
    expect(change.outcome).toBe("applied");
    expect(waits).toEqual([5_000]);
    expect(sent).toHaveLength(2);
    expect(new Set(keysSent()).size).toBe(1);
  });

  it("is given up when the gateway asks for more patience than there is, or for none at all", async () => {
    const of = await another({ perMinute: { changes: 1 } });
    await clientOf("oncall", {}, of).setStatus(off);
    const problem = await problemOf(clientOf("oncall", { maxWaitMs: 10 }, of).setStatus(off));
    expect(problem).toMatchObject({ status: 429, code: "rate-limited", nothingChanged: true });
    expect(problem.retryAfter).toBeGreaterThan(0);
    expect(sent).toHaveLength(2);
  });

  it("after a 429 is sent again with the same key", async () => {
    const answers = [
      { status: 429, headers: { "Retry-After": "7" }, code: "rate-limited" },
      { status: 503, headers: { "Retry-After": "5" }, code: "audit-unavailable" },
    ];
    const clock = new TestClock();
    const start = clock.now();
    const client = clientOf("oncall", {
      clock,
      fetch: async (request) => {
        sent.push(request.clone());
        const answer = answers.shift();
        if (answer === undefined) return fetch(request);
        const { status, headers, code } = answer;
        const problem = { type: `urn:lockkeeper:problem:${code}`, title: "t", status, detail: "d", requestId: "r" };
        return Response.json(problem, { status, headers });
      },
    });
    await client.setStatus(off);
    expect(sent).toHaveLength(3);
    expect(new Set(keysSent()).size).toBe(1);
    expect(clock.now() - start).toBe(12_000);
  });
});

describe("a change whose outcome is not known", () => {
  /** 504: IAM has made the change, and its answer is lost. */
  async function lost(settle: (of: Gateway) => Promise<void>) {
    const of = await another({});
    of.standIn.faults.next({ kind: "reset-after", action: "Update*" });
    of.standIn.faults.next({ kind: "access-denied", action: "List*", times: "always" });
    const clock = new TestClock();
    const sleep = async (ms: number) => {
      clock.advance(ms);
      await settle(of);
    };
    return { of, client: clientOf("oncall", { clock: { now: () => clock.now(), sleep } }, of) };
  }

  /** What the gateway does by itself in time: it looks twice, and believes what it sees. */
  async function reconcile(of: Gateway) {
    of.standIn.faults.clear();
    of.clock.advance(60_000);
    const reconciler = new Reconciler({
      iam: of.iam,
      journal: of.journal,
      clock: of.clock,
      instance: "test",
      intervalMs: 10_000,
      iamDeadlineMs: 150,
      graceMs: 1_000,
      giveUpMs: 900_000,
      readDeadlineMs: 2_000,
      onSettled: () => {},
      onFault: (error) => {
        throw error;
      },
    });
    await reconciler.pass();
    of.clock.advance(10_000);
    await reconciler.pass();
    await reconciler.stop();
  }

  it("is never sent again: Location is asked until the gateway has read it back", async () => {
    const { of, client } = await lost(reconcile);
    const change = await client.setStatus(off);
    expect(change).toMatchObject({ outcome: "unknown", readBack: { result: "as-wanted", observed: "Inactive" } });
    expect(methods()).toEqual(["POST", "GET", "GET"]);
    expect(of.standIn.journal.entries()).toHaveLength(1);
  });

  it("and was then not seen as wanted is a problem that says so", async () => {
    const { client } = await lost(async (of) => {
      of.standIn.world.addCredential("Bob", { ...off.credential, status: "Active" });
      await reconcile(of);
    });
    const problem = await problemOf(client.setStatus(off));
    expect(problem).toMatchObject({
      status: 504,
      code: "outcome-unknown",
      nothingChanged: false,
      change: { outcome: "unknown", readBack: { result: "not-as-wanted" } },
    });
    expect(methods().filter((method) => method === "POST")).toHaveLength(1);
  });

  it("and stays unknown is a problem that names the change", async () => {
    const { client } = await lost(async () => {});
    const problem = await problemOf(client.setStatus(off, { settleMs: 4_000 }));
    expect(problem).toMatchObject({
      status: 504,
      nothingChanged: false,
      change: { outcome: "unknown", readBack: null },
    });
    expect(problem.change?.id).toBe(problem.changeId);
    expect(methods().filter((method) => method === "POST")).toHaveLength(1);
  });

  it("and cannot be looked at keeps what its own answer said", async () => {
    const { of } = await lost(async () => {});
    const client = clientOf(
      "oncall",
      {
        fetch: async (request) => {
          sent.push(request.clone());
          if (request.method === "GET") throw new TypeError("fetch failed");
          return fetch(request);
        },
      },
      of,
    );
    const problem = await problemOf(client.setStatus(off));
    expect(problem).toMatchObject({ status: 504, change: undefined, nothingChanged: false });
    expect(problem.changeId).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe("a lost answer", () => {
  it("is asked for again with the same key, and the change is not made twice", async () => {
    const before = gateway.standIn.journal.entries().length;
    const change = await clientOf("oncall", { fetch: losing(2) }).setStatus(off);
    expect(change.outcome).toBe("applied");
    expect(sent).toHaveLength(3);
    expect(new Set(keysSent()).size).toBe(1);
    expect(gateway.standIn.journal.entries().length).toBe(before + 1);
  });

  it("that never comes leaves the key, with which it can be found out", async () => {
    const error = await unanswered(clientOf("oncall", { fetch: losing(3) }).setStatus(off));
    expect(error).toMatchObject({ message: "Lockkeeper's answer did not come (ECONNRESET).", nothingChanged: false });
    expect(sent).toHaveLength(3);
    const { idempotencyKey = "" } = error;
    const before = gateway.standIn.journal.entries().length;
    expect((await clientOf().setStatus(off, { idempotencyKey })).outcome).toBe("applied");
    expect(gateway.standIn.journal.entries().length).toBe(before);
  });

  it("makes a later refusal no proof that nothing was changed", async () => {
    const of = await another({ perMinute: { changes: 1 } });
    const problem = await problemOf(clientOf("oncall", { fetch: losing(1), maxWaitMs: 500 }, of).setStatus(off));
    expect(problem).toMatchObject({ status: 429, nothingChanged: false });
    expect(of.standIn.journal.entries()).toHaveLength(1);
  });

  it("while the change is still at IAM: it is waited for, not sent again", async () => {
    let tries = 0;
    const reached = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    gateway.standIn.beforeAnswer = async () => {
      gateway.standIn.beforeAnswer = undefined;
      reached.resolve();
      await release.promise;
    };
    let looks = 0;
    const clock = new TestClock();
    const sleep = async (ms: number) => {
      clock.advance(ms);
      if (looks === 0) return;
      release.resolve();
      await first;
    };
    let first: Promise<unknown> = Promise.resolve();
    const before = gateway.standIn.journal.entries().length;
    const change = await clientOf("oncall", {
      clock: { now: () => clock.now(), sleep },
      fetch: async (request) => {
        sent.push(request.clone());
        tries += 1;
        if (request.method === "GET") looks += 1;
        if (tries > 1) return fetch(request);
        first = fetch(request).then((response) => response.text());
        await reached.promise;
        throw new TypeError("fetch failed");
      },
    }).setStatus(off);
    expect(change.outcome).toBe("applied");
    expect(methods()).toEqual(["POST", "POST", "GET", "GET"]);
    expect(gateway.standIn.journal.entries().length).toBe(before + 1);
  });

  it("in time for no one ends the try, and the caller can end them all", async () => {
    const hanging: NonNullable<ClientOptions["fetch"]> = (request) =>
      new Promise((_resolve, reject) => request.signal.addEventListener("abort", () => reject(request.signal.reason)));
    const error = await unanswered(clientOf("oncall", { timeoutMs: 5, fetch: hanging }).setStatus(off));
    expect(error.message).toBe("Lockkeeper's answer did not come within 5 ms, or not whole.");
    const reason = new Error("the incident is over");
    const stop = new AbortController();
    const asking = clientOf("oncall", { fetch: hanging }).setStatus(off, { signal: stop.signal });
    setImmediate(() => stop.abort(reason));
    await expect(asking).rejects.toBe(reason);
  });

  it("because nobody is there says that nothing was changed", async () => {
    const error = await unanswered(clientOf("oncall", { baseUrl: await deserted() }).setStatus(off));
    expect(error).toMatchObject({ message: "Lockkeeper cannot be reached (ECONNREFUSED).", nothingChanged: true });
  });
});

describe("what is no answer of Lockkeeper's", () => {
  const applied = { id: "x", outcome: "applied", credential: off.credential, status: "Inactive", readBack: null };
  it.each<[string, number, Record<string, string>, string]>([
    ["a page of a proxy", 502, { "Content-Type": "text/html" }, "<h1>Bad gateway</h1>"],
    ["a page of a hotel", 200, { "Content-Type": "text/html" }, "<h1>Welcome</h1>"],
    ["an empty answer", 201, {}, ""],
    ["half an answer", 201, { "Content-Type": "application/json" }, '{"outcome": "app'],
    ["JSON of something else", 503, { "Content-Type": "application/json" }, '{"message": "no"}'],
    ["nothing in particular", 201, { "Content-Type": "application/json" }, "{}"],
    [
      "another credential",
      201,
      { "Content-Type": "application/json" },
      JSON.stringify({ ...applied, credential: { ...off.credential, id: "TA" } }),
    ],
    ["another status", 201, { "Content-Type": "application/json" }, JSON.stringify({ ...applied, status: "Active" })],
    [
      "another outcome",
      201,
      { "Content-Type": "application/json" },
      JSON.stringify({ ...applied, outcome: "pending" }),
    ],
  ])("%s is never taken for a change that was made", async (_what, status, headers, body) => {
    const url = await impostor((_request, response) => response.writeHead(status, headers).end(body));
    const error = await unanswered(clientOf("oncall", { baseUrl: url }).setStatus(off));
    expect(error.nothingChanged).toBe(false);
    expect(error.message).not.toContain("<h1>");
  });

  it("a redirect is not followed: neither token nor change goes elsewhere", async () => {
    const visitors: (string | undefined)[] = [];
    const elsewhere = await impostor((request, response) => {
      visitors.push(request.headers.authorization);
      response.end();
    });
    const url = await impostor((_request, response) => response.writeHead(307, { Location: elsewhere }).end());
    await unanswered(clientOf("oncall", { baseUrl: url }).setStatus(off));
    const { message } = await unanswered(clientOf("oncall", { baseUrl: url }).principal());
    expect(message).toBe("Lockkeeper's answer did not come (unexpected redirect).");
    expect(visitors).toEqual([]);
  });

  it("a next page elsewhere, or the same one again, is not followed", async () => {
    for (const next of [
      "//evil.example/v1/status-changes?x=1",
      "/v1/audit/records?from=1",
      "/v1/status-changes?limit=1",
    ]) {
      const url = await impostor((_request, response) =>
        response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify({ items: [], next })),
      );
      const pages = clientOf("oncall", { baseUrl: url }).statusChanges();
      const all = async () => {
        for await (const page of pages) expect(page.items).toEqual([]);
      };
      expect((await unanswered(all())).message).toMatch(/next page/);
    }
  });
});

describe("a look", () => {
  it("at credentials, an access key, the caller, and what policy would say", async () => {
    const client = clientOf();
    const { credentials } = await client.credentials("Bob");
    expect(credentials.map(({ type }) => type)).toContain("access-key");
    expect(await client.accessKey("AKIAIOSFODNN7EXAMPLE")).toMatchObject({ userName: "Bob" });
    expect(await client.principal()).toMatchObject({ id: "oncall", account: "123456789012" });
    expect(await client.explain({ ...off, status: "Active" })).toMatchObject({
      allow: false,
      reasons: [{ code: "ticket-required", rules: [{ rule: "data.lockkeeper.changes.missing" }] }],
      remedies: [
        { needs: [{ kind: "ticket" }], certain: false },
        { needs: [{ kind: "role", role: "admin" }, { kind: "ticket" }], certain: true },
      ],
    });
    expect(await client.explain({ ...off, status: "Active", ticket: "SEC-1" })).toMatchObject({ allow: true });
    expect(await problemOf(client.credentials("Nobody"))).toMatchObject({ status: 404 });
  });

  it("goes over all pages of changes and of the log", async () => {
    const of = await another({});
    const made: string[] = [];
    for (let n = 0; n < 5; n += 1) made.push((await clientOf("oncall", {}, of).setStatus(off)).id);
    const changes: StatusChange[] = [];
    let pages = 0;
    for await (const { items } of clientOf("auditor", {}, of).statusChanges({ user: "Bob", limit: 2 })) {
      pages += 1;
      changes.push(...items);
    }
    expect(changes.map(({ id }) => id)).toEqual(made.toReversed());
    expect(pages).toBe(3);
    const indexes: number[] = [];
    const filter = { limit: 4, until: new Date(of.clock.now() + 1).toISOString() };
    for await (const { items } of clientOf("auditor", {}, of).records(filter)) {
      indexes.push(...items.map(({ index }) => index));
      of.clock.advance(1_000);
    }
    expect(indexes.slice(0, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("by openapi-fetch's own client has the token", async () => {
    const { data, response } = await clientOf("auditor").api.GET("/v1/audit/records/{index}", {
      params: { path: { index: 0 } },
    });
    expect([response.status, data?.index]).toEqual([200, 0]);
  });

  it("asks for the token each time, when it is one that changes", async () => {
    const tokens = ["sandbox-viewer", "sandbox-oncall"];
    const client = clientOf("", { token: async () => tokens.shift() ?? "" });
    expect([(await client.principal()).id, (await client.principal()).id]).toEqual(["viewer", "oncall"]);
    await expect(client.principal()).rejects.toThrow(/The token is empty/);
  });

  it("behind a path finds the gateway there", async () => {
    await clientOf("oncall", { baseUrl: `${gateway.url}/lockkeeper/` })
      .principal()
      .catch(() => {});
    expect(sent[0]?.url).toBe(`${gateway.url}/lockkeeper/v1/principal`);
  });

  it("with a name that would lead elsewhere is not sent", () => {
    for (const name of ["", ".", ".."]) {
      expect(() => clientOf().credentials(name)).toThrow(TypeError);
      expect(() => clientOf().accessKey(name)).toThrow(TypeError);
    }
    expect(sent).toEqual([]);
  });
});

describe("a token", () => {
  it("that cannot be one is refused without being shown", () => {
    for (const token of ["", "top secret", "top-secret\n", "top-sécret"]) {
      let error: unknown;
      try {
        createClient({ baseUrl: gateway.url, token });
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(TypeError);
      expect(allOf(error)).not.toMatch(/top/);
    }
  });

  it("is in no error", async () => {
    const errors = [
      await problemOf(clientOf("viewer").setStatus(off)),
      await unanswered(clientOf("viewer", { baseUrl: await deserted() }).setStatus(off)),
    ];
    for (const error of errors) expect(allOf(error)).not.toContain("sandbox-viewer");
  });
});

it("takes no gateway that cannot be one, and does not repeat it", () => {
  for (const baseUrl of [
    "",
    "lockkeeper",
    "ftp://x",
    "https://me:hunter2@x",
    "https://x/?hunter2",
    "https://x/#hunter2",
  ]) {
    expect(() => createClient({ baseUrl, token: "t" })).toThrow(/^The gateway's URL must (?!.*hunter2)/);
  }
});
