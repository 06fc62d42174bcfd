import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { openSqliteReader } from "../../src/audit/sqlite/reader.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { acknowledgedIn } from "./acknowledged.ts";
import { recordUids, verifiedLog } from "./gate.ts";
import { canTrace, spawnTraced } from "./strace.ts";
import { report, reportSkipped } from "./summary.ts";

if (!canTrace) reportSkipped("kill -9 of a writer", "strace does not work here");

describe.skipIf(!canTrace)("kill -9 of a writer that tells what is durable", () => {
  /** @returns how much of what it had acknowledged is not in its log */
  async function killedAt(call: string, when: number, flags: readonly string[]) {
    const folder = dataFolder();
    const program = fileURLToPath(new URL("./programs/log-writer.ts", import.meta.url));
    const options = ["-f", "-qq", "-o", "/dev/null", "-e", `inject=${call}:signal=SIGKILL:when=${when}`];
    const child = spawnTraced(options, [program, folder.database, "1000", "8", ...flags], "pipe");
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
    });
    await once(child, "close");
    const acknowledged = acknowledgedIn(output);
    const uids = recordUids(folder.database);
    const receipts = acknowledged.flatMap(({ proof }) => proof ?? []);
    const fault = await verifiedLog(openSqliteReader(folder.database), testLogKeys.trustedKeys, receipts);
    folder.remove();
    return { acknowledged: acknowledged.length, lost: acknowledged.filter(({ uid }) => !uids.has(uid)).length, fault };
  }

  const steps = Array.from({ length: 12 }, (_, at) => [
    { call: "fsync", when: 8 + 3 * at },
    { call: "pwrite64", when: 150 + 77 * at },
  ]).flat();

  it("loses none of it; one that tells before its commit is caught losing", async () => {
    const [seen, early] = [
      { acknowledged: 0, lost: 0 },
      { acknowledged: 0, lost: 0 },
    ];
    for (const { call, when } of steps) {
      const { acknowledged, lost, fault } = await killedAt(call, when, []);
      expect(fault).toBeUndefined();
      seen.acknowledged += acknowledged;
      seen.lost += lost;
    }
    for (const { call, when } of steps.slice(0, 8)) {
      const { acknowledged, lost } = await killedAt(call, when, ["--early"]);
      early.acknowledged += acknowledged;
      early.lost += lost;
    }
    console.log(
      `${steps.length} kills of a writer: ${seen.acknowledged} acknowledged, ${seen.lost} lost; of one that acknowledges before its commit: ${early.acknowledged}, ${early.lost} lost`,
    );
    report({
      fault: "kill -9 of a writer",
      runs: steps.length,
      acknowledged: seen.acknowledged,
      lost: seen.lost,
      unexplained: 0,
      control: `acknowledging before the commit lost ${early.lost} of ${early.acknowledged}, in 8 kills`,
    });
    expect(seen.acknowledged).toBeGreaterThan(100);
    expect(seen.lost).toBe(0);
    expect(early.lost).toBeGreaterThan(0);
  });
});
