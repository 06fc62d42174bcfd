import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keysUnder } from "../../../src/audit/lineage.ts";
import { witness } from "../../../src/audit/outside/witness.ts";
import { cosignedAt, parseCosigner } from "../../../src/tlog/cosignature.ts";
import { generateKey, openNote, parseVerifier } from "../../../src/tlog/note.ts";
import { GrowingLog, logKeys, logOrigin } from "./growing-log.ts";
import { StrictWitness } from "./strict-witness.ts";

const now = Date.parse("2026-11-21T09:30:00Z");
let strict: StrictWitness;
beforeEach(async () => {
  strict = await StrictWitness.start(() => now);
  strict.trust(logOrigin, logKeys.trustedKeys);
});
afterEach(() => strict.close());

const open = () => witness({ url: `${strict.url}/`, publicKey: strict.vkey, timeoutMs: 20_000 });

describe("a witness", () => {
  it("cosigns a log as it grows, each time from where it was", async () => {
    const log = new GrowingLog().append("a", "b", "c");
    const memory = open();
    await memory.remember(log);
    await memory.remember(log.append("d", "e"));
    const remembered = await memory.remember(log.append("f"));
    expect(strict.asked).toEqual([
      { old: 0, size: 3 },
      { old: 3, size: 5 },
      { old: 5, size: 6 },
    ]);
    const note = remembered?.checkpoint ?? "";
    expect(cosignedAt(note, parseCosigner(strict.vkey))).toBe(now);
    expect(openNote(note, logKeys.trustedKeys.map(parseVerifier)).text).toContain(`${logOrigin}\n6\n`);
    expect(note.startsWith(log.headAt(6).checkpoint)).toBe(true);
  });

  it("is asked for its size after a restart, and cosigns the same head once more", async () => {
    const log = new GrowingLog().append("a", "b", "c");
    await open().remember(log);
    const again = await open().remember(log);
    expect(strict.asked).toEqual([
      { old: 0, size: 3 },
      { old: 0, size: 3 },
      { old: 3, size: 3 },
    ]);
    expect(cosignedAt(again?.checkpoint ?? "", parseCosigner(strict.vkey))).toBe(now);
  });

  it("follows the other gateways of a log", async () => {
    const log = new GrowingLog().append("a");
    const [first, second] = [open(), open()];
    await first.remember(log);
    await second.remember(log.append("b", "c"));
    await first.remember(log.append("d"));
    expect(strict.seen(logOrigin)).toBe(4);
  });

  it("is told nothing of an empty log", async () => {
    expect(await open().remember(new GrowingLog())).toBeUndefined();
    expect(strict.asked).toEqual([]);
  });

  it("sees a smaller log", async () => {
    await open().remember(new GrowingLog().append("a", "b", "c"));
    await expect(open().remember(new GrowingLog().append("a", "b"))).rejects.toMatchObject({
      code: "audit-rolled-back",
      message: expect.stringContaining("witness witness.example/w1 remembers 3 records, and the log here has 2"),
    });
  });

  it.each([
    ["of the same size", ["a", "X", "c"]],
    ["that has grown", ["a", "X", "c", "d"]],
  ])("sees another log %s", async (_, entries) => {
    await open().remember(new GrowingLog().append("a", "b", "c"));
    await expect(open().remember(new GrowingLog().append(...entries))).rejects.toMatchObject({
      code: "audit-rolled-back",
      message: expect.stringContaining("first 3 are not the ones"),
    });
    expect(strict.seen(logOrigin)).toBe(3);
  });

  it("that does not know the log, or its key, has not contradicted it", async () => {
    const key = generateKey(logOrigin);
    const otherKey = { origin: logOrigin, signingKey: key.signer, trustedKeys: [key.verifier] };
    const recovered = keysUnder(logKeys, `${logOrigin}/recovered-1`) ?? logKeys;
    const asked = [
      open().remember(new GrowingLog(otherKey).append("a")),
      open().remember(new GrowingLog(recovered, logKeys).append("a")),
    ];
    const [wrongKey, unknownLog] = await Promise.allSettled(asked);
    expect(wrongKey).toMatchObject({
      reason: { name: "Error", message: expect.stringContaining("the key of the log") },
    });
    expect(unknownLog).toMatchObject({
      reason: { name: "Error", message: expect.stringContaining("the log example.org/lockkeeper/recovered-1") },
    });
  });

  it("follows a log through its recovery once its operator was told", async () => {
    const memory = open();
    await memory.remember(new GrowingLog().append("a", "b", "c"));
    const recovered = keysUnder(logKeys, `${logOrigin}/recovered-1`) ?? logKeys;
    strict.trust(recovered.origin, recovered.trustedKeys);
    expect(await memory.remember(new GrowingLog(recovered, logKeys).append("r"))).toMatchObject({ size: 1 });
  });

  it("has not cosigned when the signature is of another checkpoint, of another key, or missing", async () => {
    const log = new GrowingLog().append("a", "b");
    const stranger = await StrictWitness.start(() => now);
    stranger.trust(logOrigin, logKeys.trustedKeys);
    let earlier = "";
    strict.tamper = (reply) => {
      earlier = reply.body;
      return reply;
    };
    await open().remember(log);
    const [, foreignLine = ""] =
      (await witness({ url: stranger.url, publicKey: stranger.vkey, timeoutMs: 20_000 }).remember(log))?.checkpoint
        .split("\n\n")[1]
        ?.split(/(?<=\n)/) ?? [];
    log.append("c");
    for (const body of ["", "hello\n", earlier, foreignLine]) {
      strict.tamper = (reply) => (reply.status === 200 ? { ...reply, body } : reply);
      await expect(open().remember(log)).rejects.toThrow();
    }
    expect(foreignLine).toMatch(/^— witness\.example/);
    await stranger.close();
  });

  it("may sign with other keys beside: their lines are left out", async () => {
    strict.tamper = (reply) => ({ ...reply, body: `— witness.example/w1 AAAAAAA=\n${reply.body}` });
    const note = (await open().remember(new GrowingLog().append("a")))?.checkpoint ?? "";
    expect(note).not.toContain("AAAAAAA=");
    expect(note.split("\n\n")[1]?.match(/^— /gm)).toHaveLength(2);
  });

  it("that signs without a time has not cosigned", async () => {
    const timeless = await StrictWitness.start(() => 0);
    timeless.trust(logOrigin, logKeys.trustedKeys);
    const memory = witness({ url: timeless.url, publicKey: timeless.vkey, timeoutMs: 20_000 });
    await expect(memory.remember(new GrowingLog().append("a"))).rejects.toThrow(/without a time/);
    await timeless.close();
  });

  it.each([
    ["no size", { type: "text/x.tlog.size", body: "many\n" }],
    ["no newline", { type: "text/x.tlog.size", body: "3" }],
    ["another type", { type: "text/plain", body: "3\n" }],
  ])("whose 409 has %s says nothing of the log", async (_, parts) => {
    strict.tamper = (reply) => ({ ...reply, ...parts, status: 409 });
    await expect(open().remember(new GrowingLog().append("a", "b", "c", "d"))).rejects.toMatchObject({ name: "Error" });
  });

  it("is not asked for ever when its size keeps changing", async () => {
    let size = 0;
    strict.tamper = () => {
      size += 1;
      return { status: 409, type: "text/x.tlog.size", body: `${size % 3}\n` };
    };
    await expect(open().remember(new GrowingLog().append("a", "b", "c", "d"))).rejects.toThrow(
      /another size each time/,
    );
    expect(size).toBe(4);
  });
});
