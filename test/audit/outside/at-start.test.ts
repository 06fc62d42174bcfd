import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keysUnder } from "../../../src/audit/lineage.ts";
import { compareWithOutside } from "../../../src/audit/outside/at-start.ts";
import { outsideMemories } from "../../../src/audit/outside/open.ts";
import { dataFolder } from "../../fixture/data-folder.ts";
import { GrowingLog, logKeys, logOrigin, recoveredLog } from "./growing-log.ts";
import { HttpPlace } from "./http-place.ts";
import { StrictWitness } from "./strict-witness.ts";

const folder = dataFolder();
const file = join(folder.path, "checkpoint");
let endpoint: HttpPlace;
let strict: StrictWitness;
let unreachable: string[] = [];
let nothing: string[] = [];
let succeeded: string[] = [];

beforeEach(async () => {
  endpoint = await HttpPlace.start();
  strict = await StrictWitness.start();
  strict.trust(logOrigin, logKeys.trustedKeys);
  rmSync(file, { force: true });
  unreachable = [];
  nothing = [];
  succeeded = [];
});
afterEach(() => Promise.all([endpoint.close(), strict.close()]));

function start(log: GrowingLog, timeoutMs = 20_000): Promise<void> {
  const settings = { file, url: endpoint.url, witness: { url: strict.url, publicKey: strict.vkey } };
  return compareWithOutside({
    memories: outsideMemories(settings, timeoutMs),
    log,
    onUnreachable: (memory) => unreachable.push(memory.split(" ")[0] ?? ""),
    onRecovered: (memory) => succeeded.push(memory.split(" ")[0] ?? ""),
    onNothingRemembered: (memory) => nothing.push(memory.split(" ")[0] ?? ""),
  });
}

describe("a gateway's start", () => {
  it("tells every memory the newest head, once all of them agree", async () => {
    const log = new GrowingLog().append("a", "b", "c");
    writeFileSync(file, log.headAt(2).checkpoint);
    await start(log);
    expect(readFileSync(file, "utf8")).toBe(log.headAt(3).checkpoint);
    expect(endpoint.text).toBe(log.headAt(3).checkpoint);
    expect(strict.seen(logOrigin)).toBe(3);
    expect([unreachable, nothing]).toEqual([[], ["endpoint"]]);
    await start(log);
    expect([unreachable, nothing]).toEqual([[], ["endpoint"]]);
  });

  it("is refused by any one memory, and no other is told of that log", async () => {
    const log = new GrowingLog().append("a", "b", "c");
    const forked = new GrowingLog().append("a", "b", "X", "d");
    writeFileSync(file, log.headAt(2).checkpoint);
    endpoint.put(log.headAt(3).checkpoint);
    await expect(start(forked)).rejects.toMatchObject({
      code: "audit-rolled-back",
      message: expect.stringContaining("endpoint http://127.0.0.1"),
    });
    expect(readFileSync(file, "utf8")).toBe(log.headAt(2).checkpoint);
    expect(strict.seen(logOrigin)).toBe(0);
  });

  it("is refused by a witness", async () => {
    writeFileSync(file, new GrowingLog().append("a").headAt(1).checkpoint);
    await start(new GrowingLog().append("a", "b", "c"));
    writeFileSync(file, new GrowingLog().append("a").headAt(1).checkpoint);
    endpoint.text = undefined;
    await expect(start(new GrowingLog().append("a", "b"))).rejects.toThrow(/witness witness\.example\/w1 remembers 3/);
  });

  it("goes on without those that cannot be reached", async () => {
    const log = new GrowingLog().append("a", "b");
    writeFileSync(file, log.headAt(1).checkpoint);
    endpoint.answer = "never";
    strict.tamper = () => ({ status: 500, type: "text/plain", body: "" });
    await start(log, 100);
    expect(unreachable.sort()).toEqual(["endpoint", "witness"]);
    expect(readFileSync(file, "utf8")).toBe(log.headAt(2).checkpoint);
  });

  it("is refused by a memory that somebody has written into", async () => {
    writeFileSync(file, "nothing that anybody signed\n");
    await expect(start(new GrowingLog().append("a"))).rejects.toMatchObject({ code: "configuration" });
  });

  it("says when a memory keeps a head of the log before a recovery", async () => {
    writeFileSync(file, new GrowingLog().append("a", "b").headAt(2).checkpoint);
    const recovered = recoveredLog({ sealed: new GrowingLog().append("a", "b").headAt(2).checkpoint }).append("r");
    await start(recovered);
    expect(succeeded).toEqual(["file"]);
    await start(recovered);
    expect(succeeded).toEqual(["file"]);
  });

  it("is refused when a log has the name of a recovered one, and no recovery knew what is remembered", async () => {
    const log = new GrowingLog().append("a", "b", "c");
    const [older, newest] = [log.headAt(2).checkpoint, log.headAt(3).checkpoint];
    const keys = keysUnder(logKeys, `${logOrigin}/recovered-1`) ?? logKeys;
    for (const unknowing of [
      new GrowingLog(keys, logKeys).append("any record"),
      recoveredLog({ sealed: null }),
      recoveredLog({ sealed: older }),
      recoveredLog({ sealed: newest.replace(/\n3\n/, "\n9\n"), outside: older }),
    ]) {
      writeFileSync(file, newest);
      await expect(start(unknowing)).rejects.toMatchObject({
        code: "audit-rolled-back",
        message: expect.stringContaining(
          `remembers 3 records of the log ${logOrigin}, and no recovery that knew of them`,
        ),
      });
      expect(readFileSync(file, "utf8")).toBe(newest);
    }
    for (const knowing of [recoveredLog({ sealed: newest }), recoveredLog({ sealed: older, outside: newest })]) {
      writeFileSync(file, older);
      endpoint.text = undefined;
      await start(knowing);
      expect(readFileSync(file, "utf8")).toBe((await knowing.head())?.checkpoint);
    }
  });

  it("is refused when the record of a recovery is not the one that was signed into the log", async () => {
    writeFileSync(file, new GrowingLog().append("a").headAt(1).checkpoint);
    const knowing = recoveredLog({ sealed: new GrowingLog().append("a").headAt(1).checkpoint });
    const { body = null } = (await knowing.proven(0)) ?? {};
    const other = recoveredLog({ sealed: null });
    const proven = async (index: number) => {
      const found = await GrowingLog.prototype.proven.call(other, index);
      return found && { ...found, body: body ?? "" };
    };
    await expect(start(Object.assign(other, { proven }))).rejects.toMatchObject({ code: "audit-rolled-back" });
  });

  it("is refused when the whole log has gone", async () => {
    writeFileSync(file, new GrowingLog().append("a", "b").headAt(2).checkpoint);
    await expect(start(new GrowingLog())).rejects.toThrow(/remembers 2 records, and the log here has 0/);
  });
});
