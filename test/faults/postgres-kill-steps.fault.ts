import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stopAll } from "../fixture/processes.ts";
import { type Told, toldBy, until } from "./callers.ts";
import { askFor, blocked, injectFault, killed, prepareStage, type Running, type Stage } from "./postgres-stage.ts";
import { killAtEach, moments, stepsOf } from "./steps.ts";
import { canTrace } from "./strace.ts";
import { report, reportSkipped } from "./summary.ts";

const USERS = 200;
const ROUNDS = 2;
/** What the world sees of a change: what it writes to PostgreSQL, to IAM and to its caller, and the connections for that. */
const CALLS = ["write", "writev", "sendto", "sendmsg", "connect"];

if (!canTrace) reportSkipped("kill -9 at each step of a change, on PostgreSQL", "strace does not work here");

describe.skipIf(!canTrace)("kill -9 of a gateway on PostgreSQL", () => {
  let stage: Stage;
  const told: Told[] = [];
  let [user, kills] = [0, 0];

  beforeAll(async () => {
    const program = fileURLToPath(new URL("./programs/compiled-once.ts", import.meta.url));
    stage = await prepareStage({ users: USERS, program });
  });
  afterAll(async () => {
    await stopAll();
    await stage.log.drop();
    stage.remove();
  });

  /** A change of one user after another: all off, then all on. */
  const ask = async (url: string) => {
    const status = Math.floor(user / USERS) % 2 === 0 ? "Inactive" : "Active";
    user += 1;
    const answer = await askFor(url, stage.key, (user % USERS) + 1, status);
    const acknowledged = toldBy(answer);
    if (acknowledged !== undefined) told.push(acknowledged);
    return answer?.status;
  };
  /** A gateway that has made a change; what was acknowledged before is in its log. */
  const start = async (): Promise<Running> => {
    expect((await stage.judge(told)).lost).toEqual([]);
    const gateway = await stage.start();
    await until("a change is made", async () => (await ask(gateway.url)) === 201);
    return gateway;
  };

  it("at each system call of a change loses nothing", async () => {
    const measured = await start();
    const steps = await stepsOf(measured.child, CALLS, () => ask(measured.url));
    await killed(measured.child);
    const rounds = Array.from({ length: ROUNDS }, () => steps).flat();
    const missed = await killAtEach(rounds, start, ({ url }) => ask(url));
    kills += rounds.length;
    console.log(`${kills} kills at the ${steps.length} calls of a change, ${missed} of them after its end`);
    expect(steps.length).toBeGreaterThan(5);
    expect(missed).toBeLessThan(kills / 4);
  });

  it.each(moments)("$name loses nothing, and what became of the change is read back", async ({ fault, applied }) => {
    const gateway = await start();
    await stage.settled();
    await injectFault(stage.iamUrl, fault);
    const sent = stage.updates().length;
    const answer = ask(gateway.url);
    let id = "";
    await until("the change has come so far", async () => {
      const [open] = await stage.log.admin(`SELECT change_id FROM ${stage.schema}.inflight`);
      id = String(open?.["change_id"] ?? "");
      return id !== "" && (fault.kind === "latency" || stage.updates().length > sent);
    });
    await killed(gateway.child);
    await answer;
    const again = await start();
    await stage.settled();
    const resource = await fetch(`${again.url}/v1/status-changes/${id}`, {
      headers: { authorization: `Bearer ${stage.key}` },
    });
    expect(await resource.json()).toMatchObject({ readBack: { result: applied ? "as-wanted" : "not-as-wanted" } });
    await killed(again.child);
    kills += 2;
  });

  it("blocks nothing, and leaves no update without its intent", async () => {
    const gateway = await stage.start();
    await stage.settled();
    const stuck = await blocked(gateway.url, stage.key, USERS);
    const seen = await stage.judge(told);
    report({
      fault: "kill -9 at each step of a change, on PostgreSQL",
      runs: kills,
      acknowledged: told.length,
      lost: seen.lost.length,
      unexplained: seen.unexplained.length,
      control: "see kill -9 of a gateway on PostgreSQL",
    });
    expect(seen).toMatchObject({ lost: [], unexplained: [], repeated: 0, open: [], twice: [] });
    expect(stuck).toBe(0);
    expect(await stage.verify(told.flatMap(({ proof }) => proof ?? []))).toBeUndefined();
  });
});
