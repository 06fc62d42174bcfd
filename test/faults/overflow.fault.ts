import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { startProgram, stopAll } from "../fixture/processes.ts";
import { prepareService } from "../fixture/service.ts";
import { change, loadCredential, main, writtenUpdates } from "./gate.ts";
import { attach, canTrace } from "./strace.ts";
import { report, reportSkipped } from "./summary.ts";
import { Tally } from "./tally.ts";

const CALLERS = 300;
const QUEUE = 32;
/** Long enough for all callers to have come, shorter than the log's deadline. */
const HANG_MS = 1_500;

if (!canTrace) reportSkipped("more records than the queue holds", "strace does not work here");

afterAll(stopAll);

it.skipIf(!canTrace)(
  "past the queue's bound changes get 503, and of those that were taken none is dropped",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "lockkeeper-overflow-"));
    const journalFile = join(folder, "iam.jsonl");
    const iam = await startProgram([main, "sandbox-iam", "--extra-users", String(CALLERS), "--journal", journalFile]);
    const service = await prepareService({
      main,
      iamUrl: iam.url,
      roles: { oncall: "oncall" },
      settings: {
        iam: { account: "123456789012", endpoint: iam.url, stsEndpoint: iam.url, deadlineMs: 20_000 },
        audit: { maxQueue: QUEUE, deadlineMs: 10_000 },
        shutdown: { graceMs: 40_000 },
        limits: { changes: { perMinute: 10_000_000 } },
      },
    });
    const { child, url } = await service.start();
    const tally = new Tally();
    const all = (status: string) =>
      Promise.all(
        Array.from({ length: CALLERS }, async (_, index) => {
          const body = { credential: loadCredential(index + 1), status, ticket: "SEC-1" };
          return tally.take(await change(url, service.keys.oncall, body))?.status;
        }),
      );

    const sync = `inject=fsync,fdatasync:delay_enter=${HANG_MS * 1000}:when=1`;
    const tracer = await attach(child.pid ?? 0, ["-e", "trace=fsync,fdatasync", "-e", sync]);
    const hung = await all("Inactive").finally(() => tracer.stop());
    const [made, full] = [201, 503].map((status) => hung.filter((one) => one === status).length);
    // As fast as the disk is, one after another: all are taken.
    const one = tally.take(
      await change(url, service.keys.oncall, { credential: loadCredential(1), status: "Inactive" }),
    );

    const updates = writtenUpdates(journalFile);
    const { acknowledged, lost, unexplained, open, fault } = await tally.judge(service, updates);
    console.log(`${CALLERS} callers, a queue of ${QUEUE}: ${made} made, ${full} got 503; ${updates.length} updates`);
    report({
      fault: `queue of ${QUEUE} overflows: ${full} × 503`,
      runs: CALLERS,
      acknowledged,
      lost: lost.length,
      unexplained: unexplained.length,
      control: `with room: ${one?.status}`,
    });
    expect((made ?? 0) + (full ?? 0)).toBe(CALLERS);
    expect(made).toBeGreaterThan(0);
    expect(full).toBeGreaterThan(CALLERS / 4);
    expect(one?.status).toBe(201);
    // Nothing was sent for those that got 503.
    expect(updates).toHaveLength((made ?? 0) + 1);
    expect({ lost, unexplained, open, fault }).toEqual({ lost: [], unexplained: [], open: [], fault: undefined });
    service.remove();
    rmSync(folder, { recursive: true });
  },
);
