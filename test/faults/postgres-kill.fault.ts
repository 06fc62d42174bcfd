import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { stopAll } from "../fixture/processes.ts";
import { type Callers, pause, startCallers, until } from "./callers.ts";
import { blocked, killed, prepareStage, type Stage } from "./postgres-stage.ts";
import { seededRandom } from "./random.ts";
import { report } from "./summary.ts";

const KILLS = Number(process.env["LOCKKEEPER_KILLS"] ?? 200);
const CONTROL_KILLS = 6;
const CALLERS = 32;
/** So most of the callers wait for IAM at any moment, and the machine has time to start gateways. */
const UPDATE_MS = 200;

afterAll(stopAll);

it(`kill -9 of one of two gateways on PostgreSQL, ${KILLS} times under ${CALLERS} callers, loses nothing and blocks nothing`, async () => {
  const control = await killAgain({ kills: CONTROL_KILLS, program: variant("early-commit.ts"), alone: true });
  const caught = await control.stage.judge(control.callers.told);
  await control.end();

  const { stage, callers, last, end } = await killAgain({ kills: KILLS });
  await stage.settled();
  const stuck = await blocked(last, stage.key, CALLERS);
  const seen = await stage.judge(callers.told);
  console.log(
    `${KILLS} kills: ${callers.told.length} acknowledged, ${seen.lost.length} lost; ${stage.updates().length} updates, ${seen.unexplained.length} unexplained, ${seen.repeated} repeated; ${seen.records} records; answers ${JSON.stringify([...callers.answers])}`,
  );
  report({
    fault: `kill -9 of a gateway on PostgreSQL, another beside it, ${CALLERS} callers`,
    runs: KILLS,
    acknowledged: callers.told.length,
    lost: seen.lost.length,
    unexplained: seen.unexplained.length,
    control: `acknowledging before the commit lost ${caught.lost.length}, ${caught.unexplained.length} unexplained, in ${CONTROL_KILLS} kills`,
  });
  expect(seen).toMatchObject({ lost: [], unexplained: [], repeated: 0, open: [], twice: [] });
  expect(stuck).toBe(0);
  expect(callers.told.length).toBeGreaterThan(KILLS);
  expect(callers.answers.get("broken")).toBeGreaterThan(KILLS);
  expect(await stage.verify(callers.proofs())).toBeUndefined();
  expect(caught.lost.length).toBeGreaterThan(0);
  expect(caught.unexplained.length).toBeGreaterThan(0);
  await end();
});

interface Killing {
  readonly kills: number;
  readonly program?: string;
  /** Whether there is no other gateway, which is not killed. */
  readonly alone?: boolean;
}

/** Starts a gateway and kills it, again and again, while callers ask for changes. */
async function killAgain({ kills, program = variant("compiled-once.ts"), alone = false }: Killing): Promise<{
  readonly stage: Stage;
  readonly callers: Callers;
  /** Of a gateway that runs. */
  readonly last: string;
  end(): Promise<void>;
}> {
  const stage = await prepareStage({ users: CALLERS, program, ...(!alone && { updateMs: UPDATE_MS }) });
  const steady = alone ? undefined : await stage.start();
  let urls: readonly string[] = [];
  const callers = startCallers({ count: CALLERS, key: stage.key, urls: () => urls });
  const random = seededRandom(kills);
  const startedAt = performance.now();
  for (let kill = 0; kill < kills; kill += 1) {
    const { child, url } = await stage.start();
    urls = steady === undefined ? [url] : [steady.url, url];
    // Every fourth right after its start, the others when they have acknowledged something.
    const enough = alone ? 2 * CALLERS : kill % 4 === 0 ? 0 : 1;
    await until("something was acknowledged", () => callers.toldBy(url) >= enough);
    await pause(200 * random());
    await killed(child);
    urls = steady === undefined ? [] : [steady.url];
  }
  console.log(`${kills} kills in ${Math.round((performance.now() - startedAt) / 1000)} s`);
  const last = steady ?? (await stage.start());
  urls = [last.url];
  await callers.stop();
  const end = async () => {
    await killed(last.child, "SIGTERM");
    await stage.log.drop();
    stage.remove();
  };
  return { stage, callers, last: last.url, end };
}

function variant(name: string): string {
  return fileURLToPath(new URL(`./programs/${name}`, import.meta.url));
}
