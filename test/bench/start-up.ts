import { startGateway } from "./gateway.ts";
import { NO_LIMITS, ROUNDS, startIam } from "./setting.ts";
import { spread } from "./statistics.ts";

/** From the start of the process to the first 200 of /readyz. */
export async function startUp(): Promise<void> {
  const iam = await startIam();
  const ready: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const gateway = await startGateway(iam, {}, NO_LIMITS);
    ready.push(gateway.readyMs);
    gateway.child.kill("SIGTERM");
    await new Promise((resolve) => gateway.child.once("exit", resolve));
    gateway.remove();
  }
  console.log(`  ready after            ${spread(ready)} ms (at most 1500)`);
}
