import { readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readArchive } from "../../src/policy/archive.ts";
import { dataFile } from "../../src/policy/data.ts";
import { fileSource } from "../../src/policy/sources/file.ts";
import { TestClock } from "../fixture/clock.ts";
import { type Living, type LivingOptions, livingPolicies, oncall, release, siteData } from "./living-policies.ts";
import { keyPair, testFolder, writeFolder } from "./signed-bundles.ts";

/** Of bundles that are dated by the clock: minutes since the epoch. */
const today = new TestClock().now() / 60_000;
const data = (roles: Record<string, string[]>) => ({
  site: { ...(siteData["site"] as object), roles: { principals: roles, groups: {} } },
});

let living: Living;
const opened: Living[] = [];
async function open(options?: LivingOptions): Promise<Living> {
  living = await livingPolicies(options);
  opened.push(living);
  return living;
}
beforeEach(async () => {
  await open();
  living.publish(await release("r1", 1));
  await living.start();
});
afterEach(async () => {
  for (const each of opened.splice(0)) {
    await each.close();
    each.folder.remove();
  }
});

/** Closes what is open and starts a gateway on the same folder. */
async function startAgain(options: LivingOptions = {}): Promise<void> {
  await living.close();
  opened.pop();
  await open({ folder: living.folder, clock: living.clock, ...options });
  await living.start();
}

describe("a new bundle", () => {
  it("that is newer is put in force, and that is recorded", async () => {
    expect(living.pdp.revision).toBe("r1");
    living.publish(await release("r2", 2));
    expect(await living.look()).toBe(1_000);
    expect(living.pdp.revision).toBe("r2");
    expect(await living.recorded()).toEqual(["activated r2"]);
    expect(living.updates.state()).toMatchObject({ revision: "r2", expired: false });
  });

  it("is looked at once, and not again until it changes", async () => {
    living.publish(await release("r0", 0));
    await living.look();
    await living.look();
    await living.look();
    expect(await living.recorded()).toEqual(["refused r0 bundle-older"]);
  });

  const refused: readonly [what: string, bytes: () => Promise<Uint8Array>, code: string, revision: string][] = [
    ["is older", () => release("r0", 0), "bundle-older", "r0"],
    ["is another one built at the same time", () => release("r1b", 1), "bundle-older", "r1b"],
    ["is dated more than five minutes ahead of the clock", () => release("r9", today + 6), "bundle-postdated", "r9"],
    ["does not say when it was built", () => release("r2", undefined), "bundle-undated", "r2"],
    ["is signed by another key", () => release("r2", 2, {}, keyPair("ES256").privateKey), "bundle-signature", "?"],
    ["is no archive", async () => Buffer.from("not gzip"), "bundle-unreadable", "?"],
    ["is cut short", async () => (await release("r2", 2)).subarray(0, 5_000), "bundle-unreadable", "?"],
    [
      "fails its own self-test",
      () =>
        release("r2", 2, { selfTest: { cases: [{ name: "all may", input: oncall, allow: true }], data: data({}) } }),
      "bundle-not-working",
      "r2",
    ],
    [
      "has a self-test whose data does not fit it",
      () => release("r2", 2, { selfTest: { cases: [], data: { site: {} } } }),
      "bundle-not-working",
      "r2",
    ],
  ];
  it.each(refused)("that %s changes nothing, and is told of everywhere", async (_, bytes, code, revision) => {
    living.publish(await bytes());
    await living.look();
    expect(living.pdp.revision).toBe("r1");
    expect(living.pdp.decide(oncall)).toMatchObject({ allow: true, revision: "r1" });
    expect(await living.recorded()).toEqual([`refused ${revision} ${code}`]);
    expect(living.updates.state().trouble).toEqual({ code, since: living.clock.now() });
    expect(living.events.at(-1)).toMatchObject({ kind: "refused", code });
  });

  it("that is dated a little ahead of the clock is put in force", async () => {
    living.publish(await release("r9", today + 5));
    await living.look();
    expect(living.pdp.revision).toBe("r9");
  });

  it("that is dated far ahead stands in nobody's way, also when the configuration names it", async () => {
    living.publish(await release("r9", today + 1_000_000));
    await startAgain({ allowRollbackTo: "r9" });
    expect(living.pdp.revision).toBe("r1");
    expect(living.updates.state().trouble?.code).toBe("bundle-postdated");
    expect(living.events[0]).toMatchObject({
      error: {
        message: expect.stringMatching(/^The bundle r9 .* 2028-\S+, and here it is 2026-11-21T\S+\. Set the clock/),
      },
    });
    living.publish(await release("r2", today));
    await living.look();
    expect(living.pdp.revision).toBe("r2");
  });

  it("whose self-test holds is put in force", async () => {
    const cases = [
      { name: "on-call may switch off", input: oncall, allow: true },
      {
        name: "not on",
        input: { ...oncall, change: { status: "Active" } },
        allow: false,
        reasons: ["ticket-required"],
      },
    ];
    const roles = data({ "sandbox oncall": ["oncall"] });
    living.publish(await release("r2", 2, { selfTest: { cases: cases.slice(0, 1), data: roles } }));
    await living.look();
    expect(living.events.at(-1)).toMatchObject({ kind: "activated" });
    expect(living.pdp.revision).toBe("r2");
  });

  it("that mends a refused one clears the trouble", async () => {
    living.publish(Buffer.from("broken"));
    await living.look();
    living.publish(await release("r2", 2));
    await living.look();
    expect(living.updates.state().trouble).toBeUndefined();
  });

  it("that is older is put in force when the configuration says so, and no other older one is", async () => {
    living.publish(await release("r3", 3));
    await living.look();
    living.publish(await release("r2", 2));
    await startAgain({ allowRollbackTo: "r2" });
    expect(living.pdp.revision).toBe("r2");
    living.publish(await release("r1", 1));
    await living.look();
    expect(living.pdp.revision).toBe("r2");
    expect(await living.recorded()).toContain("refused r1 bundle-older");
    // Without the setting, going back does not last.
    living.publish(await release("r2", 2));
    await startAgain();
    expect(living.updates.state().trouble?.code).toBe("bundle-older");
  });

  it("is not put in force while the log cannot take its record, and is then", async () => {
    await living.close();
    living.publish(await release("r2", 2));
    expect(await living.look()).toBeLessThanOrEqual(100);
    expect(living.pdp.revision).toBe("r1");
    expect(living.updates.state().trouble?.code).toBe("update-failed");
    await startAgain();
    expect(living.pdp.revision).toBe("r2");
  });

  it("takes over under load without a failed decision", async () => {
    const revisions = new Set<string>();
    let over = false;
    const load = (async () => {
      while (!over) {
        const ruling = living.pdp.decide(oncall);
        expect(ruling.allow).toBe(true);
        revisions.add(ruling.revision);
        await new Promise(setImmediate);
      }
    })();
    for (let minute = 2; minute < 12; minute++) {
      living.publish(await release(`r${minute}`, minute));
      await living.look();
      revisions.add(living.pdp.decide(oncall).revision);
    }
    over = true;
    await load;
    expect(revisions.size).toBe(11);
  });
});

describe("a bundle in a folder", () => {
  const bundle = (path = "") => living.folder.path("unpacked", path);
  const unpack = async (revision: string, minute: number) =>
    writeFolder(bundle(), readArchive(await release(revision, minute)));
  beforeEach(async () => {
    const folder = testFolder();
    await open({ folder, source: fileSource(folder.path("unpacked")) });
    await unpack("r1", 1);
    await living.start();
  });

  it("that has changed is put in force, and one that has not is left as it is", async () => {
    await living.look();
    expect(await living.recorded()).toEqual([]);
    await unpack("r2", 2);
    await living.look();
    await living.look();
    expect(living.pdp.decide(oncall)).toMatchObject({ allow: true, revision: "r2" });
    expect(await living.recorded()).toEqual(["activated r2"]);
  });

  it("that is half written is refused, and put in force when it is whole", async () => {
    const whole = readArchive(await release("r2", 2));
    const half = [...whole].filter(([name]) => name !== ".signatures.json");
    writeFolder(bundle(), new Map(half));
    await living.look();
    expect(living.pdp.revision).toBe("r1");
    expect(living.updates.state().trouble?.code).toBe("bundle-signature");
    writeFolder(bundle(), whole);
    await living.look();
    expect(living.pdp.revision).toBe("r2");
    expect(living.updates.state().trouble).toBeUndefined();
  });

  it.each([
    ["a file that nobody has signed", (path: string) => writeFileSync(path, "package x"), "bundle-signature"],
    ["a link to a file elsewhere", (path: string) => symlinkSync("/etc/hostname", path), "update-failed"],
  ])("that holds %s too is refused", async (_, add, code) => {
    await unpack("r2", 2);
    add(bundle("more.rego"));
    await living.look();
    expect(living.pdp.revision).toBe("r1");
    expect(living.updates.state().trouble?.code).toBe(code);
  });

  it("that is gone leaves what is in force, and the last good one stands in for it at start", async () => {
    rmSync(bundle(), { recursive: true });
    await living.look();
    expect(living.updates.state().trouble?.code).toBe("update-failed");
    await startAgain({ source: fileSource(bundle()) });
    expect(living.pdp.revision).toBe("r1");
  });
});

describe("the source away", () => {
  it("leaves what is in force, and is asked again after 50 ms, 100 ms and so on, up to half a minute", async () => {
    rmSync(living.folder.path("bundle.tar.gz"));
    const pauses = [];
    for (let i = 0; i < 12; i++) pauses.push(await living.look());
    expect(pauses.slice(0, 4)).toEqual([50, 100, 200, 400]);
    expect(pauses.at(-1)).toBe(15_000);
    expect(living.pdp.decide(oncall).allow).toBe(true);
    expect(living.updates.state().trouble?.code).toBe("update-failed");
    living.publish(await release("r1", 1));
    expect(await living.look()).toBe(1_000);
    expect(living.updates.state().trouble).toBeUndefined();
  });

  it("and back as it was is told once", async () => {
    const bytes = readFileSync(living.folder.path("bundle.tar.gz"));
    rmSync(living.folder.path("bundle.tar.gz"));
    await living.look();
    living.publish(bytes);
    await living.look();
    await living.look();
    expect(living.events.map(({ kind }) => kind)).toEqual(["activated", "failed", "recovered"]);
  });

  it("at start means the last good bundle, verified again", async () => {
    rmSync(living.folder.path("bundle.tar.gz"));
    await startAgain();
    expect(living.pdp.revision).toBe("r1");
  });

  it("at start, and the last good bundle not as it was kept, means no start", async () => {
    rmSync(living.folder.path("bundle.tar.gz"));
    const [name = ""] = readdirSync(living.folder.path("shelf")).filter((each) => each.endsWith(".tar.gz"));
    writeFileSync(living.folder.path("shelf", name), await release("r9", 9, {}, keyPair("ES256").privateKey));
    await expect(startAgain()).rejects.toMatchObject({
      code: "policy-unavailable",
      message: expect.stringMatching(
        /^No policies can be had from the bundle \S+: ENOENT.*\. The last good bundle is of no use either: the last good bundle is not as it was kept\.$/,
      ),
    });
  });

  it("at start, and no last good bundle, means no start", async () => {
    await open();
    await expect(living.start()).rejects.toMatchObject({
      code: "policy-unavailable",
      message: expect.stringMatching(/: ENOENT.*\. There is no last good bundle either\.$/),
    });
  });

  it("at start, and a broken bundle there, means the last good one too, and that is recorded", async () => {
    living.publish(Buffer.from("broken"));
    await startAgain();
    expect(living.pdp.revision).toBe("r1");
    expect(await living.recorded()).toEqual(["refused ? bundle-unreadable"]);
  });

  it("for longer than configured means that everything is denied, with a reason, until it is back", async () => {
    await startAgain({ maxAgeMs: 3_600_000 });
    rmSync(living.folder.path("bundle.tar.gz"));
    living.clock.advance(3_600_000);
    await living.look();
    expect(living.pdp.decide(oncall).allow).toBe(true);
    living.clock.advance(1);
    expect(living.pdp.decide(oncall)).toMatchObject({ allow: false, reasons: [{ code: "policy-expired" }] });
    expect(living.updates.state().expired).toBe(true);
    living.publish(await release("r1", 1));
    await living.look();
    expect(living.pdp.decide(oncall).allow).toBe(true);
  });

  it("for longer than configured is not forgotten by starting again", async () => {
    rmSync(living.folder.path("bundle.tar.gz"));
    living.clock.advance(3_600_001);
    await startAgain({ maxAgeMs: 3_600_000 });
    expect(living.pdp.decide(oncall)).toMatchObject({ allow: false, reasons: [{ code: "policy-expired" }] });
  });

  it("a source whose newest bundle is refused confirms nothing", async () => {
    await startAgain({ maxAgeMs: 3_600_000 });
    living.publish(await release("r0", 0));
    await living.look();
    living.clock.advance(3_600_001);
    await living.look();
    expect(living.updates.state().expired).toBe(true);
  });
});

describe("what is remembered", () => {
  it("outlives the process: an older bundle is refused after a new start too", async () => {
    living.publish(await release("r3", 3));
    await living.look();
    living.publish(await release("r2", 2));
    await startAgain();
    expect(living.pdp.revision).toBe("r3");
    expect(await living.recorded()).toContain("refused r2 bundle-older");
  });

  it("and cannot be read stops the start, because it guards against going back", async () => {
    writeFileSync(living.folder.path("shelf", "state.json"), "{");
    await expect(startAgain()).rejects.toMatchObject({ code: "policy-unavailable" });
  });

  it("is the last good bundle and the one before it, and no more", async () => {
    for (const minute of [2, 3, 4]) {
      living.publish(await release(`r${minute}`, minute));
      await living.look();
    }
    expect(readdirSync(living.folder.path("shelf")).length).toBe(3);
  });
});

describe("a bundle that may be found good later", () => {
  const MINUTE_MS = 60_000;
  /** Looks, and looks again after so many milliseconds. */
  const lookAfter = async (ms: number) => {
    living.clock.advance(ms);
    await living.look();
  };

  it("is tried again after a minute where its trial was slow, and is told of once", async () => {
    living.publish(await release("r2", 2));
    living.pace.step = 51;
    await living.look();
    expect(living.updates.state().trouble?.code).toBe("bundle-not-working");
    await lookAfter(MINUTE_MS);
    living.pace.step = 0;
    await lookAfter(2 * MINUTE_MS - 1);
    expect(living.pdp.revision).toBe("r1");
    await lookAfter(1);
    expect(living.pdp.revision).toBe("r2");
    expect(living.updates.state().trouble).toBeUndefined();
    expect(await living.recorded()).toEqual(["refused r2 bundle-not-working", "activated r2"]);
  });

  it("is tried less and less often while it is slow, up to once an hour, and another one at once", async () => {
    living.publish(await release("r2", 2));
    living.pace.step = 51;
    const tried = vi.spyOn(living.pdp, "prepare");
    const minutes: number[] = [];
    for (let minute = 0; minute <= 200; minute++) {
      const before = tried.mock.calls.length;
      await lookAfter(minute === 0 ? 0 : MINUTE_MS);
      if (tried.mock.calls.length > before) minutes.push(minute);
    }
    expect(minutes).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183]);
    living.pace.step = 0;
    living.publish(await release("r3", 3));
    await living.look();
    expect(living.pdp.revision).toBe("r3");
  });

  it("is tried again where its date was ahead of the clock", async () => {
    living.publish(await release("r9", today + 6));
    await living.look();
    expect(living.updates.state().trouble?.code).toBe("bundle-postdated");
    await lookAfter(MINUTE_MS);
    expect(living.pdp.revision).toBe("r9");
  });

  it("is tried again when the clock is set back too", async () => {
    living.publish(await release("r2", 2));
    living.pace.step = 51;
    await living.look();
    living.pace.step = 0;
    await lookAfter(-24 * 60 * MINUTE_MS);
    expect(living.pdp.revision).toBe("r2");
  });

  it("is not one that is wrong by what it holds", async () => {
    const cases = [{ name: "all may", input: oncall, allow: true }];
    living.publish(await release("r2", 2, { selfTest: { cases, data: data({}) } }));
    const tried = vi.spyOn(living.pdp, "prepare");
    await living.look();
    await lookAfter(24 * 60 * MINUTE_MS);
    expect(tried).toHaveBeenCalledTimes(1);
  });
});

describe("a bundle that is slow in service", () => {
  async function quarantine(): Promise<void> {
    living.publish(await release("r2", 2));
    await living.look();
    living.pace.step = 51;
    expect(living.pdp.decide(oncall)).toMatchObject({ allow: true, revision: "r2" });
    living.pace.step = 0;
    await living.look();
  }

  it("is quarantined, and the last good one decides again", async () => {
    await quarantine();
    expect(living.pdp.decide(oncall)).toMatchObject({ allow: true, revision: "r1" });
    expect(await living.recorded()).toEqual(["activated r2", "quarantined r2", "activated r1"]);
    expect(living.updates.state().trouble?.code).toBe("bundle-quarantined");
  });

  it("is not taken again, also not after a new start; a newer one is", async () => {
    await quarantine();
    await startAgain();
    expect(living.pdp.revision).toBe("r1");
    expect(await living.recorded()).toContain("refused r2 bundle-quarantined");
    living.publish(await release("r3", 3));
    await living.look();
    expect(living.pdp.revision).toBe("r3");
  });

  it("once only, as when the machine is busy, is kept", async () => {
    living.publish(await release("r2", 2));
    await living.look();
    let steps = 0;
    Object.defineProperty(living.pace, "step", { get: () => (steps++ < 2 ? 51 : 0) });
    living.pdp.decide(oncall);
    expect(living.pdp.revision).toBe("r2");
  });
});

describe("the site's data", () => {
  const write = (content: object | string) =>
    writeFileSync(living.site, typeof content === "string" ? content : JSON.stringify(content));
  beforeEach(async () => {
    const folder = testFolder();
    await open({ folder, clock: new TestClock(), data: dataFile(folder.path("site.json")) });
    living.publish(await release("r1", 1));
    write(data({ "sandbox oncall": ["oncall"] }));
    await living.start();
  });

  it("that has changed is put in force the same way", async () => {
    expect(living.pdp.decide(oncall).allow).toBe(true);
    write(data({}));
    expect(await living.lookForData()).toBe(1_000);
    expect(living.pdp.decide(oncall)).toMatchObject({ allow: false, revision: "r1" });
    expect(await living.recorded()).toEqual(["activated r1"]);
  });

  it.each([
    ["does not fit", { site: { roles: {} } }],
    ["is no JSON", "{"],
  ])("that %s changes nothing, is recorded once, and clears when it is mended", async (_, content) => {
    write(content);
    await living.lookForData();
    await living.lookForData();
    await living.look();
    expect(living.pdp.decide(oncall).allow).toBe(true);
    expect((await living.recorded()).map((each) => each.split(" ").at(-1))).toEqual(["data-unfit"]);
    expect(living.updates.state().trouble?.code).toBe("data-unfit");
    write(data({ "sandbox oncall": ["oncall"] }));
    await living.lookForData();
    expect(living.updates.state().trouble).toBeUndefined();
  });

  it("whose trial was slow is tried again after a minute", async () => {
    write(data({}));
    living.pace.step = 51;
    await living.lookForData();
    living.pace.step = 0;
    await living.lookForData();
    expect(living.updates.state().trouble?.code).toBe("data-unfit");
    living.clock.advance(60_000);
    await living.lookForData();
    expect(living.pdp.active?.data).toEqual(data({}));
    expect(living.updates.state().trouble).toBeUndefined();
  });

  describe("that is slow in service", () => {
    const good = data({ "sandbox oncall": ["oncall"] });
    const slow = data({ "sandbox oncall": ["oncall", "viewer"] });
    const startOnItAgain = () => startAgain({ data: dataFile(living.site) });
    beforeEach(async () => {
      write(slow);
      await living.lookForData();
      living.pace.step = 51;
      living.pdp.decide(oncall);
      living.pace.step = 0;
      await living.look();
    });

    it("is quarantined, also when it is written once more, until there is other data", async () => {
      write(slow);
      await living.lookForData();
      expect(living.pdp.active?.data).toEqual(good);
      expect(living.updates.state().trouble?.code).toBe("data-unfit");
      write(data({}));
      await living.lookForData();
      expect(living.pdp.active?.data).toEqual(data({}));
      expect(living.updates.state().trouble).toBeUndefined();
    });

    it("is not taken after a new start either: what was in force before stands in for it, and that is told", async () => {
      await startOnItAgain();
      expect(living.pdp.active?.data).toEqual(good);
      expect(living.updates.state().trouble?.code).toBe("data-unfit");
      expect((await living.recorded()).at(-1)).toBe("refused r1 data-unfit");
      await living.look();
      await living.lookForData();
      expect(living.pdp.active?.data).toEqual(good);
      write(data({}));
      await living.lookForData();
      expect(living.pdp.active?.data).toEqual(data({}));
    });

    it("decides after a new start when other data was in force since: what was before that is long out of date", async () => {
      write(data({}));
      await living.lookForData();
      write(slow);
      await startOnItAgain();
      expect(living.pdp.active?.data).toEqual(slow);
    });

    it("decides after a new start when nothing fits in its place, or nothing is remembered", async () => {
      const twoRoles = { properties: { "sandbox oncall": { minItems: 2 } } };
      const site = { properties: { roles: { properties: { principals: twoRoles } } } };
      living.publish(await release("r2", 2, {}, undefined, { site }));
      await startOnItAgain();
      expect(living.pdp.active?.data).toEqual(slow);
      expect(living.updates.state().trouble).toBeUndefined();
      writeFileSync(living.folder.path("data-shelf", "state.json"), "{");
      living.publish(await release("r3", 3));
      await startOnItAgain();
      expect(living.pdp.active?.data).toEqual(slow);
    });
  });

  it("that came before the bundle that it is for is put in force with it", async () => {
    write({ ...data({ "sandbox oncall": ["oncall"] }), extra: "x" });
    await living.lookForData();
    expect(living.updates.state().trouble?.code).toBe("data-unfit");
    living.publish(await release("r2", 2, {}, undefined, { extra: { type: "string" } }));
    await living.look();
    expect(living.pdp.decide(oncall)).toMatchObject({ allow: true, revision: "r2" });
    expect(living.pdp.active?.data).toHaveProperty("extra", "x");
    expect(living.updates.state().trouble).toBeUndefined();
  });

  it("that comes after the bundle that it is for brings that bundle into force", async () => {
    living.publish(await release("r2", 2, {}, undefined, { extra: { type: "string" } }));
    await living.look();
    expect(living.updates.state().trouble?.code).toBe("data-unfit");
    write({ ...data({ "sandbox oncall": ["oncall"] }), extra: "x" });
    await living.lookForData();
    await living.look();
    expect(living.pdp.revision).toBe("r2");
    expect(living.updates.state().trouble).toBeUndefined();
  });
});
