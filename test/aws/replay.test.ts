import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type Gateway, startGateway } from "../fixture/gateway.ts";
import { query, signedCall } from "./signed-call.ts";

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
beforeEach(() => gateway.clock.advance(3_600_000));
afterAll(() => gateway.close());

/** A change of Bob's access key, signed as botocore does: within one second the same request is the same bytes. */
function change(status: "Active" | "Inactive", path = "/aws/ticket/SEC-123") {
  const body = query("UpdateAccessKey", `&UserName=Bob&AccessKeyId=AKIAIOSFODNN7EXAMPLE&Status=${status}`);
  return signedCall(gateway, { path, body });
}

const keyStatus = () =>
  gateway.iam.statusOf(
    { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName: "Bob", account: "123456789012" },
    1_000,
  );
const updates = () => gateway.standIn.journal.entries().length;

it("a request that is sent again gets what became of it, and changes nothing a second time", async () => {
  const off = change("Inactive");
  expect((await off()).status).toBe(200);
  const before = updates();
  expect((await off()).status).toBe(200);
  gateway.clock.advance(4 * 60_000);
  expect((await off()).status).toBe(200);
  expect(updates()).toBe(before);
});

it("a captured request changes nothing once the credential was changed since, and after its time it is none", async () => {
  const on = change("Active");
  expect((await on()).status).toBe(200);
  gateway.clock.advance(1_000);
  expect((await change("Inactive")()).status).toBe(200);
  const before = updates();
  expect(await on()).toMatchObject({ status: 400, code: "Throttling" });
  gateway.clock.advance(6 * 60_000);
  expect(await on()).toMatchObject({ status: 403, code: "SignatureDoesNotMatch" });
  expect([updates(), await keyStatus()]).toEqual([before, "Inactive"]);
});

it("off, on, off within one second: the third is told to sign anew, and in the next second it can", async () => {
  const off = change("Inactive");
  expect((await off()).status).toBe(200);
  expect((await change("Active")()).status).toBe(200);
  const signedAt = gateway.clock.now();
  expect(await off()).toMatchObject({ status: 400, code: "Throttling" });
  // It was held back that long: by its own clock, the client is in another second when it has the answer.
  expect(gateway.clock.now()).toBeGreaterThanOrEqual(Math.floor(signedAt / 1_000) * 1_000 + 1_000);
  expect((await change("Inactive")()).status).toBe(200);
  expect(await keyStatus()).toBe("Inactive");
});

it("of twins that come at once, one changes something", async () => {
  const before = updates();
  const on = change("Active");
  const answers = await Promise.all([on(), on(), on(), on()]);
  expect(updates()).toBe(before + 1);
  for (const { status, code } of answers) expect(status === 200 || code === "EntityTemporarilyUnmodifiable").toBe(true);
});

it("a denial is judged again", async () => {
  const on = change("Active", "/aws");
  expect([await on(), await on()]).toMatchObject([
    { status: 403, code: "AccessDenied" },
    { status: 403, code: "AccessDenied" },
  ]);
});

const named = async (call: ReturnType<typeof change>) => {
  const { headers } = await call();
  return headers.get("x-lockkeeper-status-change");
};

it("the change that an answer names is on record, also where an earlier request has made it", async () => {
  const off = change("Inactive");
  const first = await named(off);
  expect(await gateway.journal.recordsOf(String(first))).toHaveLength(2);
  expect(await named(off)).toBe(first);
  gateway.clock.advance(1_000);
  const on = await named(change("Active"));
  expect(on).not.toBe(first);
  // It is told to sign anew, because of what came after the first one.
  expect(await named(off)).toBe(first);
  const denied = await named(change("Active", "/aws"));
  expect(await gateway.journal.recordsOf(String(denied))).toHaveLength(1);
});

// The last one: it leaves a change that nobody has settled.
it("what has begun is named, known or not, and no change where none has begun", async () => {
  gateway.standIn.faults.next({ kind: "lost", action: "Update*" });
  gateway.standIn.faults.next({ kind: "server-error", action: "List*", times: "always" });
  const unknown = await named(change("Inactive"));
  expect((await gateway.journal.recordsOf(String(unknown))).length).toBeGreaterThan(0);
  gateway.clock.advance(1_000);
  // Policy allows it, but it has not begun: another change is in its way.
  const refused = await change("Active")();
  expect(refused.code).toBe("EntityTemporarilyUnmodifiable");
  expect(refused.headers.get("x-lockkeeper-status-change")).toBeNull();
  gateway.standIn.faults.clear();
});
