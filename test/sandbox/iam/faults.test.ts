import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type SandboxIam, startSandboxIam } from "../../../src/sandbox/iam/server.ts";
import { TestClock } from "../../fixture/clock.ts";
import { postQuery, signedAs } from "../../iam/query.ts";

let stand: SandboxIam;
const clock = new TestClock();
beforeEach(async () => {
  stand = await startSandboxIam({ clock });
});
afterEach(() => stand.close());

const update = { Action: "UpdateAccessKey", UserName: "Bob", AccessKeyId: "AKIAIOSFODNN7EXAMPLE", Status: "Inactive" };
const isOff = () => stand.world.credential("Bob", "access-key", "AKIAIOSFODNN7EXAMPLE")?.status === "Inactive";
const outcome = () => stand.journal.entries().map(({ applied, code, fault }) => ({ applied, code, fault }));

describe("an injected fault", () => {
  it.each([
    { kind: "throttle", status: 400, applied: false, code: "Throttling" },
    { kind: "access-denied", status: 403, applied: false, code: "AccessDenied" },
    { kind: "server-error", status: 500, applied: false, code: "ServiceFailure" },
    { kind: "server-error-after", status: 500, applied: true, code: null },
    { kind: "empty-200", status: 200, applied: true, code: null },
    { kind: "html-200", status: 200, applied: true, code: null },
    { kind: "no-content", status: 204, applied: true, code: null },
    { kind: "accepted", status: 202, applied: true, code: null },
    { kind: "truncated-xml", status: 200, applied: true, code: null },
    { kind: "no-request-id", status: 200, applied: true, code: null },
  ] as const)(
    "answers as it should, and the journal says what was done: $kind",
    async ({ kind, status, applied, code }) => {
      stand.faults.next({ kind });
      const answer = await postQuery(stand.url, update);
      expect(answer.status).toBe(status);
      expect(answer.headers.has("x-amzn-requestid")).toBe(kind !== "no-request-id");
      expect(isOff()).toBe(applied);
      expect(outcome()).toEqual([{ applied, code, fault: kind }]);
    },
  );

  it.each([
    { kind: "reset-before", applied: false },
    { kind: "reset-after", applied: true },
    { kind: "cut-off", applied: true },
  ] as const)("ends the connection: $kind", async ({ kind, applied }) => {
    stand.faults.next({ kind });
    await expect(postQuery(stand.url, update)).rejects.toThrow();
    expect(isOff()).toBe(applied);
  });

  it("strikes the calls that it is meant for, as often as it is told", async () => {
    stand.faults.next({ kind: "throttle", action: "UpdateAccessKey", times: 2 });
    stand.faults.next({ kind: "server-error", action: "Update*", times: "always" });
    const statuses = async (parameters: Record<string, string>, times: number) => {
      const found: number[] = [];
      for (let n = 0; n < times; n += 1) found.push((await postQuery(stand.url, parameters)).status);
      return found;
    };
    expect(await statuses({ Action: "ListAccessKeys", UserName: "Bob" }, 2)).toEqual([200, 200]);
    expect(await statuses(update, 4)).toEqual([400, 400, 500, 500]);
    stand.faults.clear();
    expect(await statuses(update, 1)).toEqual([200]);
  });

  it("may take another status and code", async () => {
    stand.faults.next({ kind: "throttle", httpStatus: 503, code: "SlowDown" });
    const { status, text } = await postQuery(stand.url, update);
    expect(status).toBe(503);
    expect(text).toContain("<Type>Receiver</Type><Code>SlowDown</Code>");
  });

  it("waits first, by the stand-in's own clock", async () => {
    const before = clock.now();
    stand.faults.next({ kind: "latency", ms: 90_000 });
    expect((await postQuery(stand.url, update)).status).toBe(200);
    expect(clock.now() - before).toBe(90_000);
  });

  it.each([
    { kind: "hang", applied: false },
    { kind: "lost", applied: true },
  ] as const)("leaves the caller waiting: $kind", async ({ kind, applied }) => {
    stand.faults.next({ kind });
    const patience = new AbortController();
    const answer = postQuery(stand.url, update, signedAs("AKIALOCKKEEPERSANDBX"), patience.signal);
    await expect.poll(() => outcome()).toEqual([{ applied, code: applied ? null : "ServiceFailure", fault: kind }]);
    expect(isOff()).toBe(applied);
    patience.abort();
    await expect(answer).rejects.toThrow("aborted");
  });
});
