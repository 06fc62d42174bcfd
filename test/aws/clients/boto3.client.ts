import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { extraUser } from "../../../src/sandbox/iam/seed.ts";
import { type Place, runClient } from "./client-process.ts";
import { requestsAt, type Stage, startStage } from "./stage.ts";

const { python } = inject("awsClients");

/** What `came_of` in the scripts says of a call. */
interface CameOf {
  readonly status: number;
  readonly attempts: number;
  readonly code?: string;
  readonly error?: string;
}

interface TimedAnswer extends CameOf {
  readonly wanted: "Active" | "Inactive";
  /** Epoch milliseconds of the answer. */
  readonly at: number;
  /** `X-Amz-Date` of each attempt. */
  readonly signed: readonly string[];
}

describe.skipIf(python === undefined)("boto3", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage({ extraUsers: 120 });
  });
  afterEach(() => stage.iam.faults.clear());
  afterAll(() => stage.close());

  async function script<Result>(name: string, place: Place, env: Readonly<Record<string, string>> = {}) {
    const file = new URL(`scripts/${name}.py`, import.meta.url).pathname;
    // Nothing is to be left in the tree.
    const { code, stdout, stderr } = await runClient(python?.python ?? [], ["-B", file], place, env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return JSON.parse(stdout) as Result;
  }
  const switchOff = (user: number, env: Readonly<Record<string, string>> = {}, path?: string) => {
    const { userName, accessKeyId } = extraUser(user);
    return script<CameOf>("switch_off", stage.door("oncall", path), {
      USER_NAME: userName,
      ACCESS_KEY: accessKeyId,
      ...env,
    });
  };
  const sentBy = async (calls: () => Promise<unknown>) => {
    const [asked, before] = [await requestsAt(stage), stage.iam.journal.entries().length];
    await calls();
    return { requests: (await requestsAt(stage)) - asked, updates: stage.updates(before) };
  };
  const off = "UpdateAccessKey Inactive";

  it("gets from every action through the gateway what it gets without it", async () => {
    const gated = await script<Record<string, CameOf>[]>("every_action", stage.door("oncall"));
    const straight = await script<Record<string, CameOf>[]>("every_action", stage.straight);
    expect(gated).toEqual(straight);
    expect(gated.map((call) => Object.values(call)[0]?.status)).toEqual([...Array(11).fill(200), 404, 400, 400, 400]);
  });

  it("finds everybody with its paginators", async () => {
    const [gated, straight] = await Promise.all([
      script<{ names: string[]; sizes: number[] }[]>("paging", stage.door("viewer")),
      script("paging", stage.straight),
    ]);
    expect(gated).toEqual(straight);
    expect(gated.map(({ sizes }) => sizes)).toEqual([
      [50, 50, 26],
      [7, 7, 6],
      [100, 26],
    ]);
    expect(new Set(gated[0]?.names).size).toBe(126);
  });

  it.each([
    ["legacy", 5],
    ["standard", 3],
  ])("in its retry mode %s throttling ends after %i attempts", async (MODE, attempts) => {
    stage.iam.faults.next({ kind: "throttle", action: "Update*", times: "always" });
    const { requests } = await sentBy(async () => {
      const { code, status, error, attempts: tried } = await switchOff(1, { MODE });
      expect({ code, status, tried }).toEqual({ code: "Throttling", status: 400, tried: attempts });
      expect(error).toMatch(
        new RegExp(
          `^An error occurred \\(Throttling\\) when calling the UpdateAccessKey operation \\(reached max retries: ${attempts - 1}\\): Rate exceeded, or IAM cannot be reached \\(status change [0-9a-f-]{36}\\)$`,
        ),
      );
    });
    expect(requests).toBe(attempts);
  });

  it("the gateway's own limit is throttling too, and nothing goes to IAM", async () => {
    const narrow = await startStage({ extraUsers: 1, env: { LOCKKEEPER_LIMIT_CHANGES: "1" } });
    try {
      const { userName, accessKeyId } = extraUser(1);
      const env = { USER_NAME: userName, ACCESS_KEY: accessKeyId, MODE: "standard" };
      expect(await script<CameOf>("switch_off", narrow.door("oncall"), env)).toMatchObject({ status: 200 });
      expect(await script<CameOf>("switch_off", narrow.door("oncall"), env)).toEqual({
        code: "Throttling",
        status: 400,
        attempts: 3,
        error:
          "An error occurred (Throttling) when calling the UpdateAccessKey operation (reached max retries: 2): Rate exceeded",
      });
      expect(narrow.updates()).toEqual([off]);
    } finally {
      await narrow.close();
    }
  });

  it.each(["legacy", "standard", "adaptive"])("in its retry mode %s it asks once, whatever got lost", async (MODE) => {
    const first = { legacy: 10, standard: 20, adaptive: 30 }[MODE] ?? 0;
    stage.iam.faults.next({ kind: "reset-after", action: "Update*" });
    expect(
      await sentBy(async () => expect(await switchOff(first, { MODE })).toMatchObject({ status: 200, attempts: 1 })),
    ).toEqual({ requests: 1, updates: [off] });
    stage.iam.faults.next({ kind: "lost", action: "Update*" });
    stage.iam.faults.next({ kind: "server-error", action: "List*", times: "always" });
    // With a ticket nothing has to be looked up before the change.
    expect(
      await sentBy(async () =>
        expect(await switchOff(first + 1, { MODE }, "/aws/ticket/SEC-123")).toMatchObject({
          code: "EntityTemporarilyUnmodifiable",
          status: 409,
          attempts: 1,
        }),
      ),
    ).toEqual({ requests: 1, updates: [off] });
  });

  it.each([
    ["slow", "-600", /Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z/],
    ["fast", "600", /Signature not yet current: \d{8}T\d{6}Z is still later than \d{8}T\d{6}Z/],
  ])("a clock that is ten minutes %s is told so", async (_, SKEW, text) => {
    const result = await switchOff(40, { SKEW });
    expect(result).toMatchObject({ code: "SignatureDoesNotMatch", status: 403, error: expect.stringMatching(text) });
  });

  it("a clock that is four minutes wrong will do", async () => {
    for (const SKEW of ["-240", "240"]) expect(await switchOff(41, { SKEW })).toMatchObject({ status: 200 });
  });

  it.each([1, 2, 3, 4, 5])("off, on and off within a second ends off, with true answers (round %i)", async () => {
    const before = stage.iam.journal.entries().length;
    const answers = await script<TimedAnswer[]>("off_on_off", stage.door("oncall"));
    expect(answers.map(({ wanted, status }) => [wanted, status])).toEqual([
      ["Inactive", 200],
      ["Active", 200],
      ["Inactive", 200],
    ]);
    const entries = stage.iam.journal.entries().slice(before);
    for (const { wanted, at } of answers) {
      const last = entries.filter((entry) => entry.applied && Date.parse(entry.at) <= at).at(-1);
      expect(last?.status).toBe(wanted);
    }
    expect(entries.slice(-3).map(({ status }) => status)).toEqual(["Inactive", "Active", "Inactive"]);
    const key = stage.iam.world.accessKeyOwner("AKIAIOSFODNN7EXAMPLE")?.credentials["access-key"];
    expect(key?.get("AKIAIOSFODNN7EXAMPLE")?.status).toBe("Inactive");
    // This is what the test is about: without a memory of signatures, the third would be the first sent again.
    expect(answers[2]?.signed[0]).toBe(answers[0]?.signed.at(-1));
    expect(answers[2]?.signed.length).toBeGreaterThan(1);
  });
});
