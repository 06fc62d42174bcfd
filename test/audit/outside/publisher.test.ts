import { describe, expect, it } from "vitest";
import type { SignedHead } from "../../../src/audit/journal.ts";
import { Lane, type MemoryAlert } from "../../../src/audit/outside/lane.ts";
import type { ComparableLog, OutsideMemory } from "../../../src/audit/outside/memory.ts";
import { OneAtATime } from "../../../src/audit/outside/one-at-a-time.ts";
import { Publisher } from "../../../src/audit/outside/publisher.ts";
import { LockkeeperError } from "../../../src/errors.ts";
import { TestClock } from "../../fixture/clock.ts";
import { GrowingLog } from "./growing-log.ts";

/** A memory in this process that can be out of reach. */
class Toy implements OutsideMemory {
  readonly name: string;
  readonly cosigns: boolean;
  readonly took: number[] = [];
  fault: Error | undefined;

  constructor(name: string, cosigns = false) {
    this.name = name;
    this.cosigns = cosigns;
  }

  async last(): Promise<string | undefined> {
    return undefined;
  }

  async remember(log: ComparableLog): Promise<SignedHead | undefined> {
    if (this.fault !== undefined) throw this.fault;
    const head = await log.head();
    this.took.push(head?.size ?? 0);
    return head;
  }
}

function setting(memory: OutsideMemory, random = () => 1 - Number.EPSILON) {
  const log = new GrowingLog();
  const clock = new TestClock();
  const alerts: MemoryAlert[] = [];
  const recovered: string[] = [];
  const rolledBack: LockkeeperError[] = [];
  const options = {
    log,
    clock,
    intervalMs: 1_000,
    alertAfterMs: 60_000,
    random,
    onAlert: (alert: MemoryAlert) => alerts.push(alert),
    onRecovered: (name: string) => recovered.push(name),
    onRolledBack: (error: LockkeeperError) => rolledBack.push(error),
  };
  return { log, clock, alerts, recovered, rolledBack, options, lane: new Lane({ ...options, memory }) };
}

describe("the way of heads to one memory", () => {
  it("sends only what is new, and only the newest", async () => {
    const memory = new Toy("toy");
    const { log, lane, clock } = setting(memory);
    expect(await lane.step()).toBe(1_000);
    log.append("a", "b", "c");
    await lane.step();
    await lane.step();
    log.append("d").append("e");
    expect(await lane.step()).toBe(1_000);
    expect(memory.took).toEqual([3, 5]);
    expect(lane.age()).toEqual({ name: "toy", lastSize: 5, lastSentAt: clock.now(), ageMs: 0, failing: false });
  });

  it("tries again later and later, up to half a minute, not in step with others", async () => {
    const memory = new Toy("toy");
    memory.fault = new Error("no route");
    const [slow, quick] = [setting(memory), setting(memory, () => 0)];
    const waits: number[] = [];
    for (const { log } of [slow, quick]) log.append("a");
    for (let failures = 0; failures < 12; failures += 1) waits.push(Math.round(await slow.lane.step()));
    expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000]);
    expect([await quick.lane.step(), await quick.lane.step()]).toEqual([50, 100]);
    memory.fault = undefined;
    expect(await slow.lane.step()).toBe(1_000);
    memory.fault = new Error("no route");
    slow.log.append("b");
    expect(Math.round(await slow.lane.step())).toBe(100);
  });

  it("alerts once when a head has waited too long, and says when that is over", async () => {
    const memory = new Toy("toy");
    const { log, lane, clock, alerts, recovered } = setting(memory);
    memory.fault = new Error("no route");
    log.append("a");
    await lane.step();
    clock.advance(30_000);
    log.append("b");
    await lane.step();
    clock.advance(29_999);
    await lane.step();
    expect(alerts).toEqual([]);
    clock.advance(1);
    await lane.step();
    clock.advance(60_000);
    await lane.step();
    expect(alerts).toEqual([{ memory: "toy", ageMs: 60_000, error: memory.fault }]);
    expect(lane.age()).toMatchObject({ ageMs: 120_000, failing: true, lastSize: undefined });
    memory.fault = undefined;
    await lane.step();
    expect(recovered).toEqual(["toy"]);
    expect(lane.age()).toMatchObject({ ageMs: 0, failing: false, lastSize: 2 });
    log.append("c");
    await lane.step();
    expect([alerts.length, recovered.length]).toEqual([1, 1]);
  });

  it("takes a log that cannot be read now for no fault of the log", async () => {
    const memory = new Toy("toy");
    const { options, rolledBack } = setting(memory);
    const unreadable = () => Promise.reject(new LockkeeperError("audit-unreadable", "The disk hangs."));
    const lane = new Lane({
      ...options,
      memory,
      log: { ...options.log, keys: options.log.keys, head: unreadable, consistency: unreadable, proven: unreadable },
    });
    expect(Math.round(await lane.step())).toBe(100);
    expect(rolledBack).toEqual([]);
  });

  it("tells of a memory that contradicts the log, and of nothing less", async () => {
    const memory = new Toy("toy");
    const { log, lane, rolledBack } = setting(memory);
    log.append("a");
    for (const code of ["configuration", "audit-unreadable"] as const) {
      memory.fault = new LockkeeperError(code, "Something else.");
      await lane.step();
    }
    expect(rolledBack).toEqual([]);
    memory.fault = new LockkeeperError("audit-rolled-back", "It remembers more.");
    await lane.step();
    expect(rolledBack).toEqual([memory.fault]);
  });
});

describe("the publisher", () => {
  it("sends to each memory by itself, and makes a last try when it stops", async () => {
    const [first, second, witness] = [new Toy("first"), new Toy("second"), new Toy("witness", true)];
    first.fault = new Error("no route");
    const { options, log } = setting(first);
    const publisher = new Publisher({ ...options, memories: [first, second, witness] });
    expect(publisher.cosigned()).toBeUndefined();
    log.append("a", "b");
    await publisher.stop();
    expect([first.took, second.took, witness.took]).toEqual([[], [2], [2]]);
    expect(publisher.ages().map(({ name, failing }) => [name, failing])).toEqual([
      ["first", true],
      ["second", false],
      ["witness", false],
    ]);
    expect(publisher.cosigned()).toMatchObject({ size: 2 });
    options.clock.advance(7_000);
    expect(publisher.age()).toBe(7_000);
  });

  it("does not wait for a memory that hangs when it stops", async () => {
    const [hanging, other] = [new Toy("hanging"), new Toy("other")];
    hanging.remember = () => new Promise(() => {});
    const { options, log } = setting(hanging);
    const publisher = new Publisher({ ...options, memories: [hanging, other] });
    log.append("a");
    publisher.start();
    await publisher.stop(20);
    expect(other.took).toEqual([1]);
  });

  it("looks at the log again and again until it is stopped", async () => {
    const memory = new Toy("toy");
    const { options, log } = setting(memory);
    let rounds = 0;
    const sixLooks = Promise.withResolvers<void>();
    const clock = {
      now: () => 0,
      sleep: async (ms: number, signal?: AbortSignal) => {
        expect(ms).toBe(1_000);
        rounds += 1;
        log.append(String(rounds));
        if (rounds === 6) sixLooks.resolve();
        if (rounds >= 6)
          await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
      },
    };
    const publisher = new Publisher({ ...options, clock, memories: [memory] });
    publisher.start();
    await sixLooks.promise;
    await publisher.stop();
    expect(memory.took).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("has nothing to do without memories", async () => {
    const publisher = new Publisher({ ...setting(new Toy("toy")).options, memories: [] });
    publisher.start();
    expect([publisher.age(), publisher.ages(), publisher.cosigned()]).toEqual([0, [], undefined]);
    await publisher.stop();
  });
});

describe("one thing at a time", () => {
  it("is not waited for too long, and nothing is begun beside what hangs", async () => {
    const one = new OneAtATime(20);
    const hanging = Promise.withResolvers<string>();
    let begun = 0;
    await expect(one.run(() => hanging.promise)).rejects.toThrow("no answer within 20 ms");
    const begin = async () => {
      begun += 1;
      return begun;
    };
    await expect(one.run(begin)).rejects.toThrow("an earlier try still hangs");
    expect(begun).toBe(0);
    hanging.resolve("late");
    await hanging.promise;
    expect(await one.run(begin)).toBe(1);
    await expect(one.run(() => Promise.reject(new Error("its own")))).rejects.toThrow("its own");
    expect(await one.run(begin)).toBe(2);
  });
});
