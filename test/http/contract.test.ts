import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ErrorCode, LockkeeperError } from "../../src/errors.ts";
import { problemOf } from "../../src/http/problem.ts";
import { query, type SignedCall, signedCall } from "../aws/signed-call.ts";
import { assertDocumented, document, type Reply, strictAjv } from "../fixture/documented-replies.ts";
import { type Gateway, type RequestOptions, startGateway } from "../fixture/gateway.ts";

const bobsCertificate = {
  credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
  status: "Inactive",
} as const;
const changes = "/v1/status-changes";
const unknownChange = `${changes}/0192f0c1-2f4e-7c3a-9b1d-6d2a8c1f0e55`;
const bobsCredentials = "/v1/users/Bob/credentials";
const bobsKey = "/v1/access-keys/AKIAIOSFODNN7EXAMPLE";
const principal = "/v1/principal";
const records = "/v1/audit/records";
const consistency = "/v1/audit/consistency?from=0&to=1";
const checkpoint = "/v1/audit/checkpoint";
const tile = "/v1/audit/tile/0/000.p/1";
const tooLarge = JSON.stringify({ ...bobsCertificate, reason: "x".repeat(17_000) });

let gateway: Gateway;
/** Every quota is one request a minute. */
let strict: Gateway;
/** Its PDP throws, which it must never do. */
let broken: Gateway;
/** Its log takes no record and answers no question. */
let logless: Gateway;
/** Its log has a fault. */
let faulty: Gateway;
/** Its log is empty. */
let empty: Gateway;

beforeAll(async () => {
  const unavailable = () => Promise.reject(new LockkeeperError("audit-unavailable", "The disk hangs."));
  const unreadable = () => Promise.reject(new LockkeeperError("audit-unreadable", "The disk hangs."));
  const fault = () => Promise.reject(new TypeError("a secret of the log's"));
  gateway = await startGateway();
  await madeChange();
  strict = await startGateway({ perMinute: { changes: 1, reads: 1, whatIfs: 1 } });
  broken = await startGateway({
    pdp: {
      decide: () => {
        throw new Error("a secret of the PDP's");
      },
    },
  });
  logless = await startGateway({
    journal: (real) => ({
      ...real,
      ...{ begin: unavailable, deny: unavailable, note: unavailable },
      ...{ recordsOf: unreadable, changes: unreadable, head: unreadable, tile: unreadable },
    }),
  });
  faulty = await startGateway({ journal: (real) => ({ ...real, head: fault, tile: fault }) });
  empty = await startGateway();
});
afterAll(async () => {
  await Promise.all([gateway, strict, broken, logless, faulty, empty].map((each) => each.close()));
});

/** What an auditor can be told about a read of the log, whatever it is that is read. */
function auditReads(path: string, notThere?: string) {
  const as = "auditor";
  return {
    200: ask("GET", path, { as }),
    400: ask("GET", `${path}${path.includes("?") ? "&" : "?"}x=1`, { as }),
    401: ask("GET", path, { as: null }),
    403: ask("GET", path, { as: "viewer" }),
    ...(notThere !== undefined && { 404: ask("GET", notThere, { as }) }),
    405: ask("DELETE", path.split("?")[0] ?? "", { as }),
    406: ask("GET", path, { as, headers: { accept: "text/html" } }),
    429: second("GET", path, { as }),
    500: ask("GET", path, { as }, () => broken),
    503: ask("GET", path, { as }, () => logless),
  };
}

/** What anybody can be told who follows the tree. */
function publicReads(path: string) {
  const nobody = { as: null };
  return {
    200: ask("GET", path, nobody),
    400: ask("GET", `${path}?x=1`, nobody),
    404: ask("GET", path, nobody, () => empty),
    405: ask("POST", path, { ...nobody, body: {} }),
    406: ask("GET", path, { ...nobody, headers: { accept: "text/html" } }),
    429: second("GET", path, nobody),
    500: ask("GET", path, nobody, () => faulty),
    503: ask("GET", path, nobody, () => logless),
  };
}

function ask(method: string, path: string, options: RequestOptions = {}, of: () => Gateway = () => gateway) {
  return () => of().request(method, path, options);
}

/** The reply to the second of two equal requests, where every quota is one. */
function second(method: string, path: string, options: RequestOptions = {}) {
  return async () => {
    await strict.request(method, path, options);
    return strict.request(method, path, options);
  };
}

/** Where nobody's token can be checked for this reason. */
function withAuthenticate(error: Error, path: string) {
  return async () => {
    const of = await startGateway({ authenticate: () => Promise.reject(error) });
    try {
      return await of.request("GET", path);
    } finally {
      await of.close();
    }
  };
}

/** With this fault in IAM, for as many calls as there are. */
function withFault(kind: "throttle" | "access-denied" | "lost", action: string, asking: () => Promise<Reply>) {
  return async () => {
    gateway.standIn.faults.next({ kind, action, times: "always" });
    try {
      return await asking();
    } finally {
      gateway.standIn.faults.clear();
    }
  };
}

async function madeChange(path = ""): Promise<string> {
  const { headers } = await gateway.request("POST", changes, { body: bobsCertificate });
  return `${headers.get("location")}${path}`;
}

/** What the AWS door answers, with and without a ticket. */
function awsCalls(path: string) {
  const body = query("UpdateAccessKey", "&UserName=Bob&AccessKeyId=AKIAIOSFODNN7EXAMPLE&Status=Inactive");
  // Signed a second later each time: the same request would be the same change.
  const call = (difference: SignedCall, of: () => Gateway = () => gateway) => {
    return async (): Promise<Reply> => {
      of().clock.advance(1_000);
      const { status, headers, xml } = await signedCall(of(), { path, body, ...difference })();
      const reply = { status, headers, text: xml, json: undefined };
      assertDocumented("POST", path, reply);
      return reply;
    };
  };
  return {
    200: call({}),
    400: call({ body: query("UpdateAccessKey") }),
    403: call({ as: "viewer" }),
    404: call({ body: body.replace("=Bob", "=Nobody") }),
    405: call({ method: "PUT" }),
    409: async () => {
      const cutOff = await startGateway();
      cutOff.standIn.faults.next({ kind: "reset-after", action: "Update*" });
      cutOff.standIn.faults.next({ kind: "access-denied", action: "List*", times: "always" });
      try {
        // Nothing is looked up beforehand at IAM's lists for this one.
        const ofCertificate = "&UserName=Bob&CertificateId=TA7SMP42TDN5Z26OBPJE7EXAMPLE&Status=Inactive";
        return await call({ body: query("UpdateSigningCertificate", ofCertificate) }, () => cutOff)();
      } finally {
        await cutOff.close();
      }
    },
    413: call({ body: body.padEnd(17_000, "x") }),
    415: call({ headers: { "content-encoding": "gzip" } }),
    500: call({ body: query("ListUsers") }, () => broken),
    503: call({}, () => logless),
  };
}

/** For each operation and each status that `openapi.yaml` documents, a way to bring it about. */
const ways: Readonly<Record<string, Readonly<Record<number, () => Promise<Reply>>>>> = {
  createStatusChange: {
    201: ask("POST", changes, { body: bobsCertificate }),
    400: ask("POST", changes, { body: {} }),
    401: ask("POST", changes, { as: null, body: bobsCertificate }),
    403: ask("POST", changes, { as: "viewer", body: bobsCertificate }),
    404: ask("POST", changes, {
      body: { ...bobsCertificate, credential: { ...bobsCertificate.credential, userName: "Nobody" } },
    }),
    405: ask("PUT", changes, { body: bobsCertificate }),
    406: ask("POST", changes, { body: bobsCertificate, headers: { accept: "text/html" } }),
    409: async () => {
      // Whoever asks while IAM still works at the first one.
      const other: { reply?: Reply } = {};
      gateway.standIn.beforeAnswer = async () => {
        gateway.standIn.beforeAnswer = undefined;
        other.reply = await gateway.request("POST", changes, { body: bobsCertificate });
      };
      await gateway.request("POST", changes, { body: bobsCertificate });
      if (other.reply === undefined) throw new Error("the stand-in saw no update");
      return other.reply;
    },
    413: ask("POST", changes, { body: tooLarge }),
    415: ask("POST", changes, {
      body: "status=Inactive",
      headers: { "content-type": "application/x-www-form-urlencoded" },
    }),
    422: async () => {
      const headers = { "idempotency-key": "one-key-for-two" };
      await gateway.request("POST", changes, { body: bobsCertificate, headers });
      return gateway.request("POST", changes, { body: { ...bobsCertificate, reason: "another" }, headers });
    },
    429: second("POST", changes, { body: bobsCertificate }),
    500: ask("POST", changes, { body: bobsCertificate }, () => broken),
    502: withFault("access-denied", "Update*", ask("POST", changes, { body: bobsCertificate })),
    503: ask("POST", changes, { body: bobsCertificate }, () => logless),
    504: async () => {
      const cutOff = await startGateway();
      cutOff.standIn.faults.next({ kind: "reset-after", action: "Update*" });
      cutOff.standIn.faults.next({ kind: "access-denied", action: "List*", times: "always" });
      try {
        return await cutOff.request("POST", changes, { body: bobsCertificate });
      } finally {
        await cutOff.close();
      }
    },
  },
  searchStatusChanges: {
    200: ask("GET", `${changes}?user=Bob`),
    400: ask("GET", `${changes}?user=`),
    401: ask("GET", changes, { as: null }),
    403: ask("GET", changes, { as: "sofia" }),
    405: ask("DELETE", changes),
    406: ask("GET", changes, { headers: { accept: "text/csv" } }),
    429: second("GET", changes, { as: "ticketing" }),
    500: ask("GET", changes, {}, () => broken),
    503: ask("GET", changes, {}, () => logless),
  },
  getStatusChange: {
    200: async () => gateway.request("GET", await madeChange()),
    400: ask("GET", `${changes}/42`),
    401: ask("GET", unknownChange, { as: null }),
    403: async () => gateway.request("GET", await madeChange(), { as: "sofia" }),
    404: ask("GET", unknownChange),
    405: ask("DELETE", unknownChange),
    406: ask("GET", unknownChange, { headers: { accept: "image/png" } }),
    429: second("GET", unknownChange),
    500: async () => {
      const strange = await startGateway({
        journal: (real) => ({ ...real, recordsOf: async () => [{ index: 0, leafHash: "0".repeat(64), body: "{}" }] }),
      });
      try {
        return await strange.request("GET", unknownChange);
      } finally {
        await strange.close();
      }
    },
    503: ask("GET", unknownChange, {}, () => logless),
  },
  listCredentials: {
    200: ask("GET", bobsCredentials, { as: "viewer" }),
    400: ask("GET", "/v1/users/B%20b/credentials"),
    401: ask("GET", bobsCredentials, { as: "nobody-we-know" }),
    403: ask("GET", bobsCredentials, { as: "sofia" }),
    404: ask("GET", "/v1/users/Nobody/credentials"),
    405: ask("POST", bobsCredentials, { body: {} }),
    406: ask("GET", bobsCredentials, { headers: { accept: "text/*" } }),
    429: second("GET", bobsCredentials, { as: "viewer" }),
    500: ask("GET", bobsCredentials, {}, () => broken),
    502: withFault("access-denied", "List*", ask("GET", bobsCredentials)),
    503: withFault("throttle", "List*", ask("GET", bobsCredentials)),
  },
  findAccessKeyOwner: {
    200: ask("GET", bobsKey),
    400: ask("GET", "/v1/access-keys/AKIA"),
    401: ask("GET", bobsKey, { as: null }),
    403: ask("GET", bobsKey, { as: "sofia" }),
    404: ask("GET", "/v1/access-keys/AKIANOBODYSACCESSKEY"),
    405: ask("PATCH", bobsKey, { body: {} }),
    406: ask("GET", bobsKey, { headers: { accept: "application/xml" } }),
    429: second("GET", bobsKey, { as: "admin" }),
    500: ask("GET", bobsKey, {}, () => broken),
    502: withFault("access-denied", "GetAccessKeyLastUsed", ask("GET", bobsKey)),
    503: withFault("throttle", "GetAccessKeyLastUsed", ask("GET", bobsKey)),
  },
  getPrincipal: {
    200: ask("GET", principal),
    400: ask("GET", `${principal}?verbose`),
    401: ask("GET", principal, { as: null }),
    405: ask("POST", principal, { body: {} }),
    406: ask("GET", principal, { headers: { accept: "text/html" } }),
    429: second("GET", principal, { as: "bob" }),
    500: withAuthenticate(new Error("a fault of its own"), principal),
    503: withAuthenticate(new LockkeeperError("authentication-unavailable", "no keys"), principal),
  },
  callIam: awsCalls("/aws"),
  callIamWithTicket: awsCalls("/aws/ticket/SEC-123"),
  explainDecision: {
    200: ask("POST", "/v1/decisions", { as: "viewer", body: bobsCertificate }),
    400: ask("POST", "/v1/decisions", { body: { ...bobsCertificate, status: "Expired" } }),
    401: ask("POST", "/v1/decisions", { as: null, body: bobsCertificate }),
    405: ask("GET", "/v1/decisions"),
    406: ask("POST", "/v1/decisions", { body: bobsCertificate, headers: { accept: "text/html" } }),
    413: ask("POST", "/v1/decisions", { body: tooLarge }),
    415: ask("POST", "/v1/decisions", { body: "<a/>", headers: { "content-type": "text/xml" } }),
    429: second("POST", "/v1/decisions", { body: bobsCertificate }),
    500: ask("POST", "/v1/decisions", { body: bobsCertificate }, () => broken),
    503: ask("POST", "/v1/decisions", { body: bobsCertificate }, () => logless),
  },
  listRecords: auditReads(records),
  getRecord: auditReads(`${records}/0`, `${records}/1000000`),
  getRecordProof: auditReads(`${records}/0/proof`, `${records}/1000000/proof`),
  getConsistency: auditReads(consistency, consistency.replace("to=1", "to=1000000")),
  getCheckpoint: publicReads(checkpoint),
  getTile: publicReads(tile),
  livez: {
    200: ask("GET", "/livez", { as: null }),
    400: ask("GET", "/livez?verbose", { as: null }),
    405: ask("POST", "/livez", { as: null, body: {} }),
    406: ask("GET", "/livez", { as: null, headers: { accept: "text/plain" } }),
  },
  readyz: {
    200: ask("GET", "/readyz", { as: null }),
    400: ask("GET", "/readyz?verbose", { as: null }),
    405: ask("DELETE", "/readyz", { as: null }),
    406: ask("GET", "/readyz", { as: null, headers: { accept: "text/plain" } }),
    503: async () => {
      gateway.state.draining = true;
      try {
        return await gateway.request("GET", "/readyz", { as: null });
      } finally {
        gateway.state.draining = false;
      }
    },
  },
  metrics: {
    200: ask("GET", "/metrics", { as: null }),
    400: ask("GET", "/metrics?name=up", { as: null }),
    405: ask("POST", "/metrics", { as: null, body: {} }),
  },
  openapi: {
    200: ask("GET", "/openapi.json", { as: null }),
    400: ask("GET", "/openapi.json?pretty", { as: null }),
    405: ask("PUT", "/openapi.json", { as: null, body: {} }),
    406: ask("GET", "/openapi.json", { as: null, headers: { accept: "application/yaml" } }),
  },
};

const documented = Object.values(document.paths)
  .flatMap((methods) => Object.values(methods))
  .flatMap(({ operationId, responses }) =>
    Object.keys(responses).map((status) => [operationId, Number(status)] as const),
  );

describe("every reply that the contract documents", () => {
  it.each(documented)("%s answers %i, as documented", async (operationId, status) => {
    const way = ways[operationId]?.[status];
    if (way === undefined) throw new Error(`nobody brings ${operationId} to answer ${status}`);
    expect((await way()).status).toBe(status);
  });

  it("and no other: there is a way for each, and none is left over", () => {
    const tried = Object.entries(ways).flatMap(([id, byStatus]) =>
      Object.keys(byStatus).map((status) => `${id} ${status}`),
    );
    expect(tried.toSorted()).toEqual(documented.map(([id, status]) => `${id} ${status}`).toSorted());
  });
});

const { components } = document as unknown as {
  components: {
    examples: Record<string, { value: Record<string, unknown> }>;
    responses: Record<string, { content: Record<string, { examples?: object }> }>;
  };
};

describe("openapi.yaml", () => {
  it("is what /openapi.json serves", async () => {
    expect((await gateway.request("GET", "/openapi.json", { as: null })).json).toEqual(document);
  });

  it.each(Object.keys(document.components.schemas))("has a schema %s that compiles in strict mode", (name) => {
    expect(() => strictAjv().compile({ $ref: `openapi#/$defs/${name}` })).not.toThrow();
  });

  it("has examples that fit their schemas", () => {
    const schemaOf: Record<string, string> = {
      Applied: "StatusChange",
      Unknown: "StatusChange",
      SofiasCredentials: "CredentialList",
      BobsAccessKey: "AccessKeyOwner",
      OncallPrincipal: "AuthenticatedPrincipal",
      TicketMissing: "ExplainedDecision",
      NothingHelps: "ExplainedDecision",
      IamConfirmation: "IamXml",
      IamDenial: "IamXml",
      LastPageOfChanges: "StatusChangePage",
      FirstPageOfRecords: "RecordPage",
      RecordOfTheStart: "ProvenRecord",
      ConsistencyFromThreeToFive: "Consistency",
      Checkpoint: "Checkpoint",
    };
    for (const [name, { value }] of Object.entries(components.examples)) {
      const ajv = strictAjv();
      expect(ajv.validate({ $ref: `openapi#/$defs/${schemaOf[name] ?? "Problem"}` }, value), ajv.errorsText()).toBe(
        true,
      );
    }
  });
});

describe("the examples of problems", () => {
  it.each(Object.entries(components.responses))("are there for each refusal: %s", (_name, { content }) => {
    for (const { examples } of Object.values(content)) expect(Object.keys(examples ?? {})).not.toEqual([]);
  });

  const problems = Object.entries(components.examples).filter(([name]) => name.endsWith("Problem"));
  it.each(problems)("say what Lockkeeper says: %s", (_name, { value }) => {
    const code = String(value["type"]).replace("urn:lockkeeper:problem:", "") as ErrorCode;
    const { problem } = problemOf({ code, message: String(value["detail"]), details: {} });
    expect(value).toMatchObject(problem);
  });
});

describe("the tests' own check", () => {
  const reply: Reply = { status: 200, headers: new Headers(), text: "{}", json: { status: "ok" } };
  const headers = new Headers({
    "content-type": "application/json",
    "x-request-id": "1",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });

  it("takes a documented reply", () => {
    expect(() => assertDocumented("GET", "/livez", { ...reply, headers })).not.toThrow();
  });
  it.each([
    ["an undocumented status", { status: 202, headers }],
    ["another body", { headers, json: { status: "fine" } }],
    ["another content type", { headers: new Headers({ "content-type": "text/html" }) }],
    ["no request id", { headers: new Headers({ "content-type": "application/json" }) }],
  ])("refuses %s", (_what, difference) => {
    expect(() => assertDocumented("GET", "/livez", { ...reply, ...difference })).toThrow();
  });
});
