import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { parseCheckpoint } from "../../src/tlog/checkpoint.ts";
import { leafHash } from "../../src/tlog/hash.ts";
import { openNote } from "../../src/tlog/note.ts";
import {
  consistencyProof,
  consistencyTiles,
  inclusionProof,
  inclusionTiles,
  rootHash,
  rootTiles,
  verifyConsistency,
  verifyInclusion,
} from "../../src/tlog/proof.ts";
import { type TileRef, tilePath } from "../../src/tlog/tile.ts";
import { parseProof } from "../../src/tlog/tlog-proof.ts";
import { type Gateway, startGateway } from "../fixture/gateway.ts";
import { sendRaw } from "../fixture/raw-http.ts";

const body = {
  credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
  status: "Inactive",
};

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const denials = (count: number) =>
  Promise.all(
    Array.from({ length: count }, () => gateway.request("POST", "/v1/status-changes", { as: "viewer", body })),
  );
const get = (path: string, options = {}) => gateway.request("GET", `/v1/audit/${path}`, { as: null, ...options });

/** What a stranger does who has the log's public key and its URL: everything else it finds out by itself. */
async function checkpoint() {
  const { status, text } = await get("checkpoint");
  expect(status).toBe(200);
  const { text: head, verified } = openNote(text, gateway.verifiers);
  const { origin, size, root } = parseCheckpoint(head);
  expect(verified.map(({ name }) => name)).toContain(origin);
  return { size, root };
}

/** Fetches tiles as a stranger: what they hold is looked at and not believed. */
async function fetched(refs: readonly TileRef[]): Promise<(tile: TileRef) => readonly Uint8Array[]> {
  const tiles = new Map<string, readonly Uint8Array[]>();
  for (const ref of refs) {
    const response = await fetch(`${gateway.url}/v1/audit/${tilePath(ref)}`);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/octet-stream"]);
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect(bytes.length).toBe(32 * ref.width);
    tiles.set(
      tilePath(ref),
      Array.from({ length: ref.width }, (_, at) => bytes.subarray(32 * at, 32 * at + 32)),
    );
  }
  return (ref) => tiles.get(tilePath(ref)) ?? [];
}

describe("a stranger with the public key", () => {
  it("sees from checkpoint and tiles alone that the log only grows, and that each receipt is in it", async () => {
    const [denied] = await denials(1);
    let older = await checkpoint();
    expect(rootHash(older.size, await fetched(rootTiles(older.size)))).toEqual(older.root);
    for (const more of [1, 6, 250, 64]) {
      await denials(more);
      const newer = await checkpoint();
      expect(newer.size).toBe(older.size + more);
      expect(rootHash(newer.size, await fetched(rootTiles(newer.size)))).toEqual(newer.root);
      const proof = consistencyProof(older.size, newer.size, await fetched(consistencyTiles(older.size, newer.size)));
      const both = { from: older.size, fromRoot: older.root, to: newer.size, toRoot: newer.root, proof };
      expect(verifyConsistency(both)).toBe(true);
      expect(verifyConsistency({ ...both, fromRoot: newer.root })).toBe(false);
      older = newer;
    }

    const { receipt } = (denied?.json ?? {}) as { receipt?: { proof: string } };
    const { index, extra } = parseProof(receipt?.proof ?? "");
    if (extra === undefined) throw new Error("the receipt does not hold its record");
    const tiles = await fetched(inclusionTiles(index, older.size));
    const inclusion = { index, size: older.size, root: older.root, proof: inclusionProof(index, older.size, tiles) };
    expect(verifyInclusion({ leaf: leafHash(extra), ...inclusion })).toBe(true);
    expect(verifyInclusion({ leaf: leafHash("another"), ...inclusion })).toBe(false);
  });

  it("gets the same consistency proof as who may read the log asks for", async () => {
    const { size, root } = await checkpoint();
    const reply = await gateway.request("GET", `/v1/audit/consistency?from=3&to=${size}`, { as: "auditor" });
    const proof = (reply.json as { proof: string[] }).proof.map((hash) => Buffer.from(hash, "base64"));
    const fromRoot = rootHash(3, await fetched(rootTiles(3)));
    expect(verifyConsistency({ from: 3, fromRoot, to: size, toRoot: root, proof })).toBe(true);
    expect(proof).toEqual(consistencyProof(3, size, await fetched(consistencyTiles(3, size))));
  });
});

describe("the public part of the log", () => {
  it("is kept by caches for as long as it holds", async () => {
    expect((await get("checkpoint")).headers.get("cache-control")).toBe("public, max-age=2");
    expect((await get("checkpoint")).headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect((await get("tile/0/000.p/1")).headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect((await get("tile/0/999")).headers.get("cache-control")).toBe("no-store");
  });

  it("holds nothing of what the records say", async () => {
    const text = (await get("checkpoint")).text + (await get("tile/0/000")).text;
    expect(text).not.toMatch(/viewer|Bob|TA7SMP/);
  });

  it("goes as far as the tree does, and no further", async () => {
    const { size } = await checkpoint();
    expect(size).toBeGreaterThan(256);
    const last = size % 256;
    const partial = `tile/0/${String(Math.floor(size / 256)).padStart(3, "0")}.p/`;
    for (const width of [1, last - 1, last]) expect((await get(partial + width)).status).toBe(200);
    // A tree of 256 had a partial tile there, and its checkpoint may be all that somebody has.
    expect((await get("tile/0/000.p/255")).status).toBe(200);
    const missing = [partial + (last + 1), partial.slice(0, -3), "tile/1/000", "tile/1/000.p/2", "tile/2/000.p/1"];
    for (const path of missing) {
      const { status, json } = await get(path);
      expect([status, json], path).toMatchObject([404, { detail: expect.stringContaining("no such tile yet") }]);
    }
  });

  it.each([
    "tile/0/0",
    "tile/0/0000",
    "tile/00/000",
    "tile/-1/000",
    "tile/64/000",
    "tile/63/000",
    "tile/0/x000/000",
    "tile/0/x000",
    "tile/0/000.p/0",
    "tile/0/000.p/01",
    "tile/0/000.p/256",
    "tile/0/000.p/-1",
    "tile/0/000.p/1/",
    "tile/0/000.p",
    "tile/0/000/",
    "tile/0/%30%30%30",
    "tile/0/x999/x999/x999/x999/x999/x999/999",
    "tile/0/",
    "tile/0",
    "tile/entries/000",
    "tile/entries/000.p/1",
    "tile/data/000",
    "tile/constructor/000",
  ])("has its paths as c2sp.org/tlog-tiles writes them, and no others: %s", async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  it.each(["tile/0/../0/000", "tile/0/..%2f000", "tile/0/%2e%2e/000", "tile/./0/000", "tile/0/000%00", "tile/0\\000"])(
    "is not where a parser could be led astray: %s",
    async (path) => {
      const [reply] = await sendRaw(
        gateway.port,
        `GET /v1/audit/${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      );
      expect([400, 404]).toContain(reply?.status);
    },
  );

  it("is there to be read only", async () => {
    for (const path of ["checkpoint", "tile/0/000"]) {
      for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
        const { status, headers } = await gateway.request(method, `/v1/audit/${path}`, { as: null });
        expect([status, headers.get("allow")]).toEqual([405, "GET, HEAD"]);
      }
      const { status, text } = await gateway.request("HEAD", `/v1/audit/${path}`, { as: null });
      expect([status, text]).toEqual([200, ""]);
    }
  });

  it("takes no query and no other type", async () => {
    expect((await get("checkpoint?x=1")).status).toBe(400);
    expect((await get("tile/0/000?x=1")).status).toBe(400);
    const accepting = async (path: string, accept: string) => (await get(path, { headers: { accept } })).status;
    expect(await accepting("checkpoint", "text/plain")).toBe(200);
    expect(await accepting("checkpoint", "application/json")).toBe(406);
    expect(await accepting("tile/0/000", "application/octet-stream")).toBe(200);
    expect(await accepting("tile/0/000", "text/html")).toBe(406);
    expect(await accepting("tile/0/000", "text/html, */*;q=0.1")).toBe(200);
  });
});

describe("an empty log", () => {
  it("has no checkpoint and no tile yet", async () => {
    const empty = await startGateway();
    for (const path of ["checkpoint", "tile/0/000.p/1", "tile/0/000"]) {
      expect((await empty.request("GET", `/v1/audit/${path}`, { as: null })).status).toBe(404);
    }
    await empty.close();
  });
});

describe("a flood of looks at the tree", () => {
  it("is stopped by its address, recorded once, and keeps nobody else from anything", async () => {
    const flooded = await startGateway({ perMinute: { reads: 5 }, trustedProxies: ["127.0.0.1"] });
    const from = (address: string, path = "checkpoint") =>
      flooded.request("GET", `/v1/audit/${path}`, { as: null, headers: { "x-forwarded-for": address } });
    await flooded.request("POST", "/v1/status-changes", { as: "viewer", body });
    const first = await from("192.0.2.1");
    expect([first.headers.get("ratelimit-policy"), first.headers.get("ratelimit")]).toEqual([
      '"tree";q=5;w=60',
      expect.stringMatching(/^"tree";r=4;t=\d+$/),
    ]);
    for (let i = 0; i < 4; i += 1) expect((await from("192.0.2.1", "tile/0/000.p/1")).status).toBe(200);
    for (const path of ["checkpoint", "tile/0/000.p/1", "tile/0/999"]) {
      expect((await from("192.0.2.1", path)).json).toMatchObject({
        status: 429,
        type: "urn:lockkeeper:problem:rate-limited",
      });
    }
    expect((await from("192.0.2.2")).status).toBe(200);
    const asked = await flooded.request("GET", "/v1/status-changes", { headers: { "x-forwarded-for": "192.0.2.1" } });
    expect(asked.status).toBe(200);

    await flooded.refusals.record();
    const { records } = await flooded.journal.records({ from: 0, limit: 100, code: "lockkeeper.rate-limited" });
    expect(records.map(({ body: record }) => JSON.parse(String(record)))).toMatchObject([
      { count: 3, status_code: "tree", src_endpoint: { ip: "192.0.2.1" } },
    ]);
    await flooded.close();
  });

  it("that reaches the store leaves room for those who have a principal", async () => {
    const waiting: (() => void)[] = [];
    const slow = await startGateway({
      journal: (real) => ({
        ...real,
        tile: (ref) => new Promise((resolve, reject) => waiting.push(() => real.tile(ref).then(resolve, reject))),
      }),
    });
    await slow.request("POST", "/v1/status-changes", { as: "viewer", body });
    const refused: unknown[] = [];
    const looks = Array.from({ length: 40 }, async () => {
      const { status, headers } = await slow.request("GET", "/v1/audit/tile/0/000.p/1", { as: null });
      if (status === 429) refused.push(headers.get("retry-after"));
      return status;
    });
    await vi.waitFor(() => expect(refused).toHaveLength(8), { timeout: 20_000, interval: 20 });
    expect(new Set(refused)).toEqual(new Set(["1"]));
    for (const go of waiting) go();
    expect((await Promise.all(looks)).filter((status) => status === 200)).toHaveLength(32);
    await slow.close();
  });
});
