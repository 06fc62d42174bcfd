import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Gateway, startGateway } from "../fixture/gateway.ts";

const path = "/v1/status-changes";
const bobs = { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" };
const bobsKey = { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName: "Bob" };
const sofias = { type: "service-specific-credential", id: "ACCAEXAMPLE123EXAMPLE", userName: "sofia" };

interface Page {
  readonly items: readonly {
    readonly id: string;
    readonly outcome: string;
    readonly credential: { readonly userName: string; readonly id: string };
    readonly principal: { readonly id: string };
    readonly requestedAt: string;
    readonly receipt: object;
  }[];
  readonly next: string | null;
}

let gateway: Gateway;
const ids: string[] = [];

/** Asks for a change, a second after the one before, and keeps its id. */
async function ask(as: string, credential: object, status = "Inactive", more: object = {}) {
  gateway.clock.advance(1_000);
  const { json } = await gateway.request("POST", path, { as, body: { credential, status, ...more } });
  const { id, statusChange } = json as { id?: string; statusChange?: string };
  ids.push(String(id ?? statusChange));
}

beforeAll(async () => {
  gateway = await startGateway();
  await ask("oncall", bobs); // 0: applied, at 09:30:01
  await ask("viewer", bobs); // 1: denied
  await ask("sofia", sofias); // 2: applied
  await ask("oncall", { ...bobsKey, userName: "bOB" }); // 3: applied
  await ask("ticketing", sofias, "Active", { ticket: "SEC-1" }); // 4: applied
  await ask("oncall", { ...bobs, userName: "Nobody" }); // 5: failed
  gateway.standIn.faults.next({ kind: "reset-before", action: "UpdateServiceSpecificCredential" });
  await ask("oncall", sofias); // 6: unknown
  await ask("sofia", bobs); // 7: denied
  gateway.clock.advance(60_000);
});
afterAll(() => gateway.close());

const get = (query: string, as = "oncall") => gateway.request("GET", `${path}${query}`, { as });

/** Which of the changes a search finds, by their number. */
async function found(query: string, as = "oncall"): Promise<number[]> {
  const { status, json, text } = await get(query, as);
  expect(status, text).toBe(200);
  return (json as Page).items.map(({ id }) => ids.indexOf(id));
}

describe("a search", () => {
  it.each([
    ["", [7, 6, 5, 4, 3, 2, 1, 0]],
    ["?user=bob", [7, 3, 1, 0]],
    ["?user=BOB&outcome=denied", [7, 1]],
    ["?credentialType=service-specific-credential", [6, 4, 2]],
    ["?credentialId=AKIAIOSFODNN7EXAMPLE", [3]],
    ["?credentialType=access-key&credentialId=TA7SMP42TDN5Z26OBPJE7EXAMPLE", []],
    ["?principal=sofia&principalIssuer=sandbox", [7, 2]],
    ["?principal=sofia&principalIssuer=https://idp.example", []],
    ["?principal=Sofia&principalIssuer=sandbox", []],
    ["?outcome=applied", [4, 3, 2, 0]],
    ["?outcome=failed", [5]],
    ["?outcome=unknown", [6]],
    ["?outcome=pending", []],
    ["?since=2026-11-21T09:30:03Z&until=2026-11-21T09:30:05Z", [3, 2]],
    ["?since=2026-11-21T09:30:02.001Z&user=bob", [7, 3]],
    ["?until=2026-11-21T09:30:02Z", [0]],
    ["?since=2027-01-01T00:00:00Z", []],
    ["?user=nobody%40example.com", []],
    ["?limit=3", [7, 6, 5]],
  ])("finds what fits it, the newest first: %s", async (query, expected) => {
    expect(await found(query)).toEqual(expected);
  });

  it("shows each change as it stands now, as it is elsewhere, and without its proof", async () => {
    const { json } = await get("?limit=1&outcome=applied");
    const [item] = (json as Page).items;
    const { json: change } = await gateway.request("GET", `${path}/${item?.id}`, { as: "viewer" });
    expect(Object.keys(item?.receipt ?? {})).toEqual(["index", "leafHash"]);
    expect(change).toMatchObject(item ?? {});
  });

  it("finds a change that is not settled as pending until its deadline, and as unknown after it", async () => {
    const stuck = await startGateway({
      journal: (real) => ({ ...real, finish: () => Promise.reject(new Error("the disk is full")) }),
    });
    await stuck.request("POST", path, { body: { credential: bobs, status: "Inactive" } });
    const count = async (outcome: string) => {
      const { json } = await stuck.request("GET", `${path}?outcome=${outcome}`);
      const { items } = json as Page;
      for (const item of items) expect(item.outcome).toBe(outcome);
      return items.length;
    };
    expect([await count("pending"), await count("unknown")]).toEqual([1, 0]);
    stuck.clock.advance(60_000);
    expect([await count("pending"), await count("unknown")]).toEqual([0, 1]);
    await stuck.close();
  });
});

describe("the pages of a search", () => {
  /** Follows `Link` as a stranger would, and calls `between` after each page. */
  async function pages(first: string, between: () => Promise<void> = async () => {}): Promise<number[][]> {
    const all: number[][] = [];
    for (let next: string | null = first; next !== null; ) {
      const { status, headers, json } = await gateway.request("GET", next);
      expect(status).toBe(200);
      const { items, next: following } = json as Page;
      const link = headers.get("link");
      expect(link).toBe(following === null ? null : `<${following}>; rel="next"`);
      all.push(items.map(({ id }) => ids.indexOf(id)));
      next = following;
      await between();
    }
    return all;
  }

  it("lead from one to the next, each change once", async () => {
    const all = await pages(`${path}?limit=3&until=2026-11-21T09:31:00Z`);
    expect(all.flat()).toEqual([7, 6, 5, 4, 3, 2, 1, 0]);
    expect(all.slice(0, 2).map((page) => page.length)).toEqual([3, 3]);
  });

  it("stay whole while changes go on", async () => {
    const before = ids.length;
    const all = await pages(`${path}?limit=2&user=Bob`, () => ask("oncall", bobs));
    expect(all.flat()).toEqual([7, 3, 1, 0]);
    expect(ids.length).toBeGreaterThan(before + 1);
  });

  it("may change their size", async () => {
    const { json } = await get("?limit=2&until=2026-11-21T09:31:00Z");
    const next = String((json as Page).next).replace("limit=2", "limit=100");
    expect(((await gateway.request("GET", next)).json as Page).items).toHaveLength(6);
  });

  it("belong to their search and to who searches", async () => {
    const { json } = await get("?limit=1&user=Bob");
    const next = String((json as Page).next);
    const others = [
      gateway.request("GET", next, { as: "admin" }),
      gateway.request("GET", next.replace("user=Bob", "user=sofia")),
      gateway.request("GET", next.replace("user=Bob&", "")),
      gateway.request("GET", `${next}&outcome=denied`),
    ];
    for (const { status, json: problem } of await Promise.all(others)) {
      expect([status, problem]).toMatchObject([400, { errors: [{ in: "query", name: "cursor" }] }]);
    }
  });
});

describe("who may search", () => {
  it.each(["admin", "auditor", "oncall", "viewer"])("%s: everything", async (as) => {
    expect(await found("?until=2026-11-21T09:31:00Z", as)).toEqual([7, 6, 5, 4, 3, 2, 1, 0]);
  });

  it("others: their own changes, and people those of their own credentials", async () => {
    expect(await found("?principal=sofia&principalIssuer=sandbox", "sofia")).toEqual([7, 2]);
    expect(await found("?user=SOFIA", "sofia")).toEqual([6, 4, 2]);
    expect(await found("?user=Bob&principal=sofia&principalIssuer=sandbox", "sofia")).toEqual([7]);
    expect(await found("?principal=ticketing&principalIssuer=sandbox", "ticketing")).toEqual([4]);
  });

  it.each([
    ["sofia", ""],
    ["sofia", "?user=Bob"],
    ["sofia", "?user=nobody"],
    ["sofia", "?principal=oncall&principalIssuer=sandbox"],
    ["sofia", "?principal=sofia&principalIssuer=https://idp.example"],
    ["sofia", "?credentialId=ACCAEXAMPLE123EXAMPLE"],
    ["ticketing", "?user=Bob"],
    ["chatops", "?outcome=denied"],
  ])("not %s, for what is not theirs, and the answer is the same whatever there is: %s", async (as, query) => {
    const { status, json } = await get(query, as);
    expect([status, json]).toMatchObject([403, { decision: { reasons: [{ code: "search-own-only" }] } }]);
    const { receipt } = json as { receipt: { index: number } };
    const { records } = await gateway.journal.records({ from: receipt.index, limit: 1 });
    expect(JSON.parse(String(records[0]?.body))).toMatchObject({
      metadata: { event_code: "lockkeeper.read.denied" },
      api: { operation: "lockkeeper:SearchStatusChanges" },
    });
  });

  it("finds nothing that could not be looked at by itself", async () => {
    for (const as of ["sofia", "bob", "ticketing", "chatops"]) {
      for (const query of [`?principal=${as}&principalIssuer=sandbox`, `?user=${as}`]) {
        const { status, json } = await get(query, as);
        if (status !== 200) continue;
        for (const { id } of (json as Page).items) {
          expect((await gateway.request("GET", `${path}/${id}`, { as })).status).toBe(200);
        }
      }
    }
  });
});

describe("a search that makes no sense is refused, and says where", () => {
  it.each([
    ["?limit=0", "limit"],
    ["?limit=101", "limit"],
    ["?limit=-1", "limit"],
    ["?limit=NaN", "limit"],
    ["?limit=1e1", "limit"],
    ["?limit=0x10", "limit"],
    ["?limit=05", "limit"],
    ["?limit=5.0", "limit"],
    ["?limit=%205", "limit"],
    ["?limit=99999999999999999999999", "limit"],
    ["?user=..%2F", "user"],
    ["?user=a%00", "user"],
    [`?user=${"u".repeat(129)}`, "user"],
    ["?credentialType=password", "credentialType"],
    ["?credentialId=short", "credentialId"],
    ["?outcome=great", "outcome"],
    ["?since=yesterday", "since"],
    ["?since=2026-02-30T09:00:00Z", "since"],
    ["?since=2026-11-21T09:00:00%2B01:00", "since"],
    ["?since=2026-11-21T10:00:00Z&until=2026-11-21T10:00:00Z", "until"],
    ["?principal=oncall", "principalIssuer"],
    ["?principalIssuer=sandbox", "principal"],
    ["?principal=%00&principalIssuer=sandbox", "principal"],
    ["?principal=a&principalIssuer=a%20b", "principalIssuer"],
    ["?cursor=x", "cursor"],
    [`?cursor=${"A".repeat(30)}`, "cursor"],
    ["?unknown=1", "unknown"],
    ["?constructor=1", "constructor"],
    ["?hasOwnProperty=1", "hasOwnProperty"],
  ])("%s", async (query, name) => {
    const { status, json } = await get(query);
    const { errors } = json as { errors: readonly object[] };
    expect(status).toBe(400);
    expect(errors.length).toBeGreaterThan(0);
    for (const fault of errors) expect(fault).toMatchObject({ in: "query", name });
  });

  it.each([
    "?",
    "?&",
    "?limit",
    "?limit=",
    "?limit=5&limit=5",
    "?limit=5&",
    "?limit[]=5",
    "?limit[$gt]=5",
    "?__proto__=5",
    "?user=a+b",
    "?user=a=b",
    "?user=%",
    "?user=%zz",
    "?principal=%ff&principalIssuer=a",
    "?user=a;limit=5",
  ])("%s", async (query) => {
    expect((await get(query)).json).toMatchObject({ status: 400, type: "urn:lockkeeper:problem:malformed-request" });
  });

  it("as is any query where no operation takes one", async () => {
    const at = (target: string, method = "GET") => gateway.request(method, target);
    const targets = ["/livez?x=1", `${path}/${ids[0]}?limit=1`, "/v1/users/Bob/credentials?limit=1", "/openapi.json?"];
    for (const target of targets) expect((await at(target)).status, target).toBe(400);
    expect((await gateway.request("POST", `${path}?user=Bob`, { body: {} })).status).toBe(400);
  });
});
