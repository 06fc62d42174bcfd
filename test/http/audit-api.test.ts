import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { leafHash } from "../../src/tlog/hash.ts";
import { verifyProof } from "../../src/tlog/tlog-proof.ts";
import { openToRead } from "../fixture/database.ts";
import { type Gateway, startGateway } from "../fixture/gateway.ts";

const body = {
  credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
  status: "Inactive",
};

interface Item {
  readonly index: number;
  readonly leafHash: string;
  readonly record: {
    readonly metadata: { readonly event_code: string; readonly correlation_uid: string };
    readonly time: number;
  } | null;
}

interface Page {
  readonly items: readonly Item[];
  readonly next: string | null;
}

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
  for (const as of ["oncall", "viewer", "oncall"]) {
    await gateway.request("POST", "/v1/status-changes", { as, body });
    gateway.clock.advance(1_000);
  }
});
afterAll(() => gateway.close());

const get = (path: string, as = "auditor") => gateway.request("GET", `/v1/audit/${path}`, { as });

async function page(query: string): Promise<Page> {
  const { status, json, text } = await get(`records${query}`);
  expect(status, text).toBe(200);
  return json as Page;
}

const codes = ({ items }: Page) => items.map(({ record }) => record?.metadata.event_code);

/** The newest record, as another process finds it on disk. */
function newestOnDisk(): { readonly index: number; readonly body: unknown } {
  const db = openToRead(gateway.database);
  try {
    const row = db.prepare("SELECT idx, body FROM records ORDER BY idx DESC LIMIT 1").get();
    return { index: Number(row?.["idx"]), body: JSON.parse(String(row?.["body"])) };
  } finally {
    db.close();
  }
}

describe("the log's records", () => {
  it("come in their order, each with its index and its hash", async () => {
    const { items } = await page("?limit=5");
    expect(items.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
    expect(codes({ items, next: null })).toEqual([
      "credential.status.intent",
      "credential.status.outcome",
      "credential.status.denied",
      "credential.status.intent",
      "credential.status.outcome",
    ]);
  });

  it("lead from page to page to the end, also those on which nothing fits", async () => {
    const seen: Item[] = [];
    let requests = 0;
    for (let next: string | null = "/v1/audit/records?limit=2&code=credential.status.denied"; next !== null; ) {
      const reply = await gateway.request("GET", next, { as: "admin" });
      const found = reply.json as Page;
      seen.push(...found.items);
      expect(reply.headers.get("link")).toBe(found.next === null ? null : `<${found.next}>; rel="next"`);
      next = found.next;
      requests += 1;
      expect(requests).toBeLessThan(20);
    }
    expect(seen.map(({ index }) => index)).toEqual([2]);
  });

  it("are found by what they belong to, by their kind and by their time", async () => {
    const [intent] = (await page("?limit=1")).items;
    const id = intent?.record?.metadata.correlation_uid;
    expect(codes(await page(`?correlation=${id}`))).toEqual(["credential.status.intent", "credential.status.outcome"]);
    expect(codes(await page(`?correlation=${id}&code=credential.status.outcome`))).toEqual([
      "credential.status.outcome",
    ]);
    expect(codes(await page(`?correlation=${id}&from=2`))).toEqual([]);
    expect(codes(await page("?since=2026-11-21T09:30:01Z&until=2026-11-21T09:30:02Z"))).toEqual([
      "credential.status.denied",
    ]);
    expect(codes(await page("?code=nothing.of-the-kind"))).toEqual([]);
  });

  it("are 20 on a page unless the caller says otherwise, as the contract has it", async () => {
    await Promise.all(Array.from({ length: 25 }, () => page("?limit=1")));
    expect((await page("")).items).toHaveLength(20);
    expect((await page("?limit=21")).items).toHaveLength(21);
  });

  it("beyond the end are none", async () => {
    expect(await page("?from=9007199254740991")).toEqual({ items: [], next: null });
  });
});

describe("one record", () => {
  it("comes with the bytes that were hashed, and proves itself", async () => {
    const { json } = await get("records/2");
    const record = json as { index: number; leafHash: string; record: object; text: string; proof: string };
    expect(record.record).toEqual(JSON.parse(record.text));
    expect(record.record).toMatchObject({ metadata: { event_code: "credential.status.denied" } });
    expect(leafHash(record.text).toString("hex")).toBe(record.leafHash);
    const { index, entry } = verifyProof(record.proof, { verifiers: gateway.verifiers });
    expect([index, Buffer.from(entry).toString()]).toEqual([2, record.text]);
  });

  it("comes with the same proof as a file", async () => {
    const { status, headers, text } = await get("records/2/proof");
    expect([status, headers.get("content-type")]).toEqual([200, "text/plain; charset=utf-8"]);
    expect(headers.get("content-disposition")).toBe('attachment; filename="2.tlog-proof"');
    expect(verifyProof(text, { verifiers: gateway.verifiers }).index).toBe(2);
    const plain = { as: "auditor", headers: { accept: "text/plain" } };
    expect((await gateway.request("GET", "/v1/audit/records/2/proof", plain)).status).toBe(200);
    expect((await gateway.request("GET", "/v1/audit/records/2", plain)).status).toBe(406);
    const json = { as: "auditor", headers: { accept: "application/json" } };
    expect((await gateway.request("GET", "/v1/audit/records/2/proof", json)).status).toBe(406);
  });

  it.each(["records/100000", "records/9007199254740991", "records/100000/proof"])(
    "that is not there: %s",
    async (path) => {
      expect((await get(path)).json).toMatchObject({ status: 404, type: "urn:lockkeeper:problem:not-found" });
    },
  );

  it.each(["02", "1e0", "-1", "0x2", "2.0", "%202", "NaN", "9007199254740992", "x"])(
    "has an index and nothing else: %s",
    async (index) => {
      for (const path of [`records/${index}`, `records/${index}/proof`]) {
        const { status, json } = await get(path);
        expect([status, json]).toMatchObject([400, { errors: [{ in: "path", name: "index" }] }]);
      }
    },
  );
});

describe("consistency", () => {
  it.each([
    ["from=3&to=2", 400],
    ["from=1", 400],
    ["to=1", 400],
    ["from=-1&to=2", 400],
    ["from=1e0&to=2", 400],
    ["from=1&to=9007199254740992", 400],
    ["from=1&to=9007199254740991", 404],
    ["from=0&to=0", 200],
    ["from=0&to=3", 200],
    ["from=3&to=3", 200],
  ])("%s: %d", async (query, status) => {
    const reply = await get(`consistency?${query}`);
    expect(reply.status, reply.text).toBe(status);
    if (status === 200) expect((reply.json as { proof: string[] }).proof).toEqual([]);
  });
});

const reads = ["records?from=0&limit=1", "records/0", "records/0/proof", "consistency?from=0&to=1"];

describe("who reads the log", () => {
  it.each(reads)("leaves a record of it: %s", async (path) => {
    const { status } = await get(path);
    const { body: record } = newestOnDisk();
    expect([status, record]).toMatchObject([
      200,
      {
        metadata: { event_code: "lockkeeper.audit.read" },
        actor: { user: { uid: "auditor" } },
        api: { operation: "lockkeeper:ReadAudit" },
      },
    ]);
  });

  it("leaves in it what was asked for", async () => {
    await page("?from=1&limit=2&code=credential.status.denied&since=2026-11-21T09:30:00Z");
    expect(newestOnDisk().body).toMatchObject({
      api: {
        request: { data: { from: 1, limit: 2, code: "credential.status.denied", since: "2026-11-21T09:30:00Z" } },
      },
    });
  });

  it("must be let by policy: others get nothing, and that is a record", async () => {
    for (const as of ["oncall", "viewer", "ticketing", "chatops", "bob"]) {
      for (const path of reads) {
        const { status, json } = await get(path, as);
        const { receipt } = json as { receipt: { index: number } };
        const { index, body: record } = newestOnDisk();
        expect([status, receipt.index, record]).toMatchObject([
          403,
          index,
          { metadata: { event_code: "lockkeeper.read.denied" }, actor: { user: { uid: as } } },
        ]);
      }
    }
  });

  it("must say who it is", async () => {
    for (const path of reads) {
      expect((await gateway.request("GET", `/v1/audit/${path}`, { as: null })).status).toBe(401);
    }
  });

  it("is shown nothing while that cannot be recorded", async () => {
    const deaf = await startGateway({
      journal: (real) => ({ ...real, note: () => Promise.reject(new Error("the disk is full")) }),
    });
    for (const path of reads) {
      const { status, text } = await deaf.request("GET", `/v1/audit/${path}`, { as: "admin" });
      expect(status).toBe(500);
      expect(text).not.toContain("leafHash");
    }
    await deaf.close();
  });
});
