import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type SandboxIam, startSandboxIam } from "../../../src/sandbox/iam/server.ts";
import { postQuery } from "../../iam/query.ts";

let stand: SandboxIam;
beforeEach(async () => {
  stand = await startSandboxIam();
});
afterEach(() => stand.close());

const update = { Action: "UpdateAccessKey", UserName: "Bob", AccessKeyId: "AKIAIOSFODNN7EXAMPLE", Status: "Inactive" };
const get = async (path: string) => (await fetch(`${stand.url}/_sandbox/${path}`)).json();
const post = async (path: string, body: unknown, type = "application/json") => {
  const sent = { method: "POST", headers: { "content-type": type }, body: JSON.stringify(body) };
  const response = await fetch(`${stand.url}/_sandbox/${path}`, sent);
  return { status: response.status, body: await response.json() };
};

describe("the stand-in under control from another process", () => {
  it("takes faults, shows those that wait, and strikes with them", async () => {
    const fault = { kind: "throttle", action: "UpdateAccessKey", times: 2 };
    expect(await post("faults", fault)).toEqual({ status: 200, body: { waiting: [fault] } });
    expect((await postQuery(stand.url, update)).status).toBe(400);
    expect(await get("faults")).toEqual({ waiting: [{ ...fault, times: 1 }] });
  });

  it.each([
    { kind: "no-such-fault" },
    { kind: "throttle", times: 0 },
    { kind: "throttle", times: "often" },
    { kind: "latency", ms: -1 },
    { kind: "throttle", httpStatus: 200 },
    { kind: "throttle", unknown: true },
    null,
  ])("refuses a fault that is none: %o", async (fault) => {
    expect(await post("faults", fault)).toEqual({ status: 400, body: { error: expect.any(String) } });
    expect(stand.faults.waiting()).toEqual([]);
  });

  it("takes JSON only, which no web page can send unasked", async () => {
    expect(await post("reset", {}, "text/plain")).toMatchObject({ status: 415 });
  });

  it("shows users with their credentials, and the journal", async () => {
    await postQuery(stand.url, update);
    const { users } = await get("users");
    expect(users[0]).toMatchObject({ name: "Bob", arn: "arn:aws:iam::123456789012:user/Bob" });
    expect(users[0].credentials).toContainEqual(
      expect.objectContaining({ type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", status: "Inactive" }),
    );
    expect((await get("journal")).entries).toEqual([expect.objectContaining({ seq: 1, applied: true })]);
  });

  it("is put back to how it was at the start", async () => {
    await postQuery(stand.url, update);
    stand.world.addUser("eve");
    await post("faults", { kind: "throttle", times: "always" });
    expect((await post("reset", {})).status).toBe(200);
    expect(stand.world.user("eve")).toBeUndefined();
    expect(stand.world.credential("Bob", "access-key", "AKIAIOSFODNN7EXAMPLE")?.status).toBe("Active");
    expect(await get("faults")).toEqual({ waiting: [] });
    expect(await get("journal")).toEqual({ entries: [] });
  });

  it("knows no other paths", async () => {
    expect((await fetch(`${stand.url}/_sandbox/elsewhere`)).status).toBe(404);
  });
});
