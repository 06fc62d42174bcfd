import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pruneLog } from "../../src/audit/prune/prune.ts";
import { openSqlitePruning } from "../../src/audit/sqlite/prune.ts";
import { verifyProof } from "../../src/tlog/tlog-proof.ts";
import { Attacker } from "../audit/verify/attacker.ts";
import { type Gateway, startGateway } from "../fixture/gateway.ts";
import { testLogKeys } from "../fixture/log-keys.ts";

const changes = "/v1/status-changes";
const body = {
  credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
  status: "Inactive",
};
const DAY_MS = 86_400_000;

let gateway: Gateway;
/** What was told of the change that is pruned now. */
let old: {
  readonly id: string;
  readonly receipt: { readonly index: number; readonly leafHash: string; proof: string };
};
let recent: { readonly id: string };

const make = async () => (await gateway.request("POST", changes, { body })).json as typeof old;

beforeAll(async () => {
  gateway = await startGateway();
  old = await make();
  gateway.clock.advance(10 * DAY_MS);
  recent = await make();
  const store = openSqlitePruning(gateway.database, { owner: "sandbox", keys: testLogKeys });
  const { clock, journal } = gateway;
  const pruned = await pruneLog({
    ...{ store, journal, clock, account: "123456789012", operator: { name: "root", uid: 0 } },
    ...{ before: clock.now() - 5 * DAY_MS, idempotencyTtlMs: DAY_MS, dryRun: false },
  });
  store.close();
  expect(pruned).toMatchObject({ records: 2, changes: 1 });
});
afterAll(() => gateway.close());

const get = (path: string) => gateway.request("GET", path, { as: "admin" });

describe("a record that was pruned", () => {
  it("has its place in the log and its hash, and no content", async () => {
    const { index, leafHash } = old.receipt;
    const { json } = await get(`/v1/audit/records?from=${index}&limit=1`);
    expect((json as { items: object[] }).items).toEqual([{ index, leafHash, record: null }]);
    const one = (await get(`/v1/audit/records/${index}`)).json as { proof: string };
    expect(one).toMatchObject({ index, leafHash, record: null, text: null });
    expect(one.proof).not.toContain("\nextra ");
  });

  it("is still proven to whoever has kept its receipt", async () => {
    const { verifiers } = gateway;
    const { entry } = verifyProof(old.receipt.proof, { verifiers });
    const { text: proof } = await get(`/v1/audit/records/${old.receipt.index}/proof`);
    expect(verifyProof(proof, { verifiers, entry }).index).toBe(old.receipt.index);
  });
});

describe("a change that was pruned", () => {
  it("is not there any more, and the others are", async () => {
    expect((await get(`${changes}/${old.id}`)).json).toMatchObject({
      status: 404,
      detail: expect.stringContaining("pruned"),
    });
    const { json } = await get(`${changes}?user=Bob`);
    expect((json as { items: { id: string }[] }).items.map(({ id }) => id)).toEqual([recent.id]);
  });
});

describe("a record that somebody has made something else than JSON", () => {
  it("is shown without its content, and does not hide the others", async () => {
    const { index } = (await make()).receipt;
    const by = new Attacker(gateway.database);
    by.run("UPDATE records SET body = 'no JSON' WHERE idx = ?", index);
    by.close();
    const page = await get(`/v1/audit/records?from=${index - 1}&limit=2`);
    expect(page.status).toBe(200);
    expect(page.json).toMatchObject({ items: [{ record: { class_uid: 6003 } }, { index, record: null }] });
    expect((await get(`/v1/audit/records/${index}`)).json).toMatchObject({ index, record: null, text: "no JSON" });
    const search = (await get(`${changes}?user=Bob`)).json as { items: { id: string }[] };
    expect(search.items.map(({ id }) => id)).toEqual([recent.id]);
  });
});
