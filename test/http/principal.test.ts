import { afterAll, beforeAll, expect, it } from "vitest";
import { type Gateway, startGateway } from "../fixture/gateway.ts";

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway({ perMinute: { reads: 2 } });
});
afterAll(() => gateway.close());

const whoAmI = (as: string) => gateway.request("GET", "/v1/principal", { as });

it("tells callers who they are, and the account that they may ask for", async () => {
  const { status, json } = await whoAmI("viewer");
  expect([status, json]).toEqual([
    200,
    { id: "viewer", issuer: "sandbox", kind: "human", groups: [], authn: "sandbox-token", account: "123456789012" },
  ]);
});

it("tells the IAM user of those who have one", async () => {
  expect((await whoAmI("bob")).json).toMatchObject({ id: "bob", userName: "Bob" });
});

it("counts as a look at something, and asks neither policy nor IAM", async () => {
  const asked = gateway.standIn.journal.entries().length;
  const statuses = [await whoAmI("auditor"), await whoAmI("auditor"), await whoAmI("auditor")].map(
    ({ status }) => status,
  );
  expect(statuses).toEqual([200, 200, 429]);
  expect(gateway.standIn.journal.entries().length).toBe(asked);
});
