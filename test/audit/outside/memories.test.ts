import { existsSync, mkdirSync, readdirSync, readFileSync, watch, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fileMemory } from "../../../src/audit/outside/file-memory.ts";
import { httpMemory } from "../../../src/audit/outside/http-memory.ts";
import type { OutsideMemory } from "../../../src/audit/outside/memory.ts";
import { generateKey } from "../../../src/tlog/note.ts";
import { dataFolder } from "../../fixture/data-folder.ts";
import { GrowingLog, logKeys, logOrigin, recoveredLog } from "./growing-log.ts";
import { HttpPlace } from "./http-place.ts";

const timeoutMs = 20_000;
const folder = dataFolder();
let endpoint: HttpPlace;
let file = "";
let count = 0;

beforeEach(async () => {
  endpoint = await HttpPlace.start();
  count += 1;
  file = join(folder.path, `checkpoint-${count}`);
});
afterEach(() => endpoint.close());

const kinds: readonly { kind: string; open(): OutsideMemory; put(text: string): void; kept(): string | undefined }[] = [
  {
    kind: "a file",
    open: () => fileMemory({ file, timeoutMs }),
    put: (text) => writeFileSync(file, text),
    kept: () => (existsSync(file) ? readFileSync(file, "utf8") : undefined),
  },
  {
    kind: "an HTTP endpoint",
    open: () => httpMemory({ url: endpoint.url, timeoutMs }),
    put: (text) => endpoint.put(text),
    kept: () => endpoint.text,
  },
];

describe.each(kinds)("a memory in $kind", ({ open, put, kept }) => {
  it("keeps the newest head, and gives it back", async () => {
    const log = new GrowingLog().append("a", "b", "c");
    expect(await open().last()).toBeUndefined();
    expect(await open().remember(log)).toMatchObject({ size: 3 });
    expect(kept()).toBe((await log.head())?.checkpoint);
    expect(await open().remember(log.append("d"))).toMatchObject({ size: 4 });
    expect(kept()).toBe((await log.head())?.checkpoint);
    expect(await open().last()).toBe(kept());
  });

  it("keeps nothing of an empty log", async () => {
    expect(await open().remember(new GrowingLog())).toBeUndefined();
    expect(kept()).toBeUndefined();
  });

  it("sees a smaller log, says which sizes and what to do, and keeps what it had", async () => {
    await open().remember(new GrowingLog().append("a", "b", "c"));
    const before = kept();
    const rolledBack = open().remember(new GrowingLog().append("a", "b"));
    await expect(rolledBack).rejects.toMatchObject({
      code: "audit-rolled-back",
      message: expect.stringMatching(
        /remembers 3 records, and the log here has 2\. Put the newest copy.*audit recover --reason/,
      ),
    });
    await expect(open().remember(new GrowingLog())).rejects.toThrow(/remembers 3 records, and the log here has 0/);
    expect(kept()).toBe(before);
  });

  it("sees another log of the same key, however long", async () => {
    await open().remember(new GrowingLog().append("a", "b", "c"));
    const before = kept();
    for (const entries of [
      ["a", "X", "c"],
      ["a", "b", "X", "d", "e"],
      ["X", "b", "c", "d"],
    ]) {
      await expect(open().remember(new GrowingLog().append(...entries))).rejects.toMatchObject({
        code: "audit-rolled-back",
        message: expect.stringContaining("first 3 are not the ones"),
      });
    }
    expect(kept()).toBe(before);
  });

  it("does not put an older head in the place of a newer one that another gateway of the log has sent", async () => {
    const log = new GrowingLog().append("a", "b", "c", "d");
    put(log.headAt(4).checkpoint);
    expect(await open().remember(log)).toMatchObject({ size: 4 });
    expect(kept()).toBe(log.headAt(4).checkpoint);
  });

  it.each([
    ["is no note", () => "hello"],
    ["is empty", () => ""],
    ["is of another log", () => new GrowingLog(keysOf("example.org/other")).append("a").headAt(1).checkpoint],
    ["was signed with another key", () => new GrowingLog(keysOf(logOrigin)).append("a").headAt(1).checkpoint],
    ["was changed", () => new GrowingLog().append("a", "b", "c").headAt(3).checkpoint.replace("\n3\n", "\n1\n")],
  ])("believes nothing that %s, and does not write over it", async (_, text) => {
    const hostile = text();
    put(hostile);
    const log = new GrowingLog().append("a", "b", "c");
    await expect(open().remember(log)).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringMatching(/is no checkpoint of the log example\.org\/lockkeeper .*audit\.formerKeys/),
    });
    expect(kept()).toBe(hostile);
  });

  it("believes a former key that is still trusted", async () => {
    const former = keysOf(logOrigin);
    await open().remember(new GrowingLog(former).append("a", "b"));
    const both = { ...logKeys, trustedKeys: [...logKeys.trustedKeys, ...former.trustedKeys] };
    expect(await open().remember(new GrowingLog(both).append("a", "b", "c"))).toMatchObject({ size: 3 });
  });

  it("takes the first head of a recovered log after the last one of the log before, and never the other way round", async () => {
    const log = new GrowingLog().append("a", "b", "c");
    await open().remember(log);
    const unknowing = recoveredLog({ sealed: log.headAt(2).checkpoint });
    await expect(open().remember(unknowing)).rejects.toMatchObject({ code: "audit-rolled-back" });
    expect(await open().remember(recoveredLog({ sealed: log.headAt(3).checkpoint }))).toMatchObject({ size: 1 });
    expect(kept()).toContain(`${logOrigin}/recovered-1\n1\n`);
    await expect(open().remember(new GrowingLog().append("a", "b", "c", "d"))).rejects.toMatchObject({
      code: "audit-rolled-back",
      message: expect.stringContaining("remembers the log example.org/lockkeeper/recovered-1"),
    });
  });

  it("refuses to look at more than a checkpoint can be", async () => {
    put("x".repeat(200_000));
    await expect(open().remember(new GrowingLog().append("a"))).rejects.toThrow(/more than 131072 bytes/);
  });
});

describe("a memory in a file", () => {
  it("is replaced as a whole: nothing else is left beside it", async () => {
    const place = join(folder.path, "alone");
    mkdirSync(place);
    await fileMemory({ file: join(place, "checkpoint"), timeoutMs }).remember(new GrowingLog().append("a"));
    expect(readdirSync(place)).toEqual(["checkpoint"]);
  });

  it("is written beside itself under a name that no other host's gateway has, whatever its process id", async () => {
    const place = join(folder.path, "shared");
    mkdirSync(place);
    const seen: string[] = [];
    const watcher = watch(place, (_, name) => seen.push(String(name)));
    await fileMemory({ file: join(place, "checkpoint"), timeoutMs }).remember(new GrowingLog().append("a"));
    await vi.waitFor(() => expect(seen).toContain(`checkpoint.${hostname()}.${process.pid}.new`));
    watcher.close();
  });

  it("is unreachable, and not empty, when its folder is not there", async () => {
    const gone = fileMemory({ file: join(folder.path, "not-mounted", "checkpoint"), timeoutMs });
    await expect(gone.last()).rejects.toThrow(/ENOENT/);
    await expect(gone.remember(new GrowingLog().append("a"))).rejects.toThrow(/ENOENT/);
  });
});

describe("a memory at an HTTP endpoint", () => {
  const one = () => new GrowingLog().append("a");

  it("shows its bearer token, read anew each time, and its content type", async () => {
    const tokenFile = join(folder.path, "token");
    writeFileSync(tokenFile, "first\n");
    const memory = httpMemory({ url: endpoint.url, tokenFile, timeoutMs });
    await memory.remember(one());
    writeFileSync(tokenFile, "second\n");
    await memory.last();
    expect(endpoint.requests.map(({ method, headers }) => [method, headers.authorization])).toEqual([
      ["GET", "Bearer first"],
      ["PUT", "Bearer first"],
      ["GET", "Bearer second"],
    ]);
    expect(endpoint.requests[1]?.headers["content-type"]).toBe("text/plain; charset=utf-8");
  });

  it("has no path, query or password in its name", () => {
    expect(httpMemory({ url: "https://me:pw@memory.example/secret?token=1", timeoutMs }).name).toBe(
      "endpoint https://memory.example",
    );
  });

  it("follows no redirect: its token is for nobody else", async () => {
    const other = await HttpPlace.start();
    const tokenFile = join(folder.path, "token");
    writeFileSync(tokenFile, "secret");
    endpoint.answer = { status: 307, headers: { location: other.url } };
    const memory = httpMemory({ url: endpoint.url, tokenFile, timeoutMs });
    await expect(memory.remember(one())).rejects.toThrow("GET was answered with 307");
    expect(other.requests).toEqual([]);
    await other.close();
  });

  it.each([200, 401, 403, 500, 503])("has not kept anything when PUT or GET is answered with %s", async (status) => {
    endpoint.answer = { status, body: "what?" };
    await expect(httpMemory({ url: endpoint.url, timeoutMs }).remember(one())).rejects.toThrow();
  });

  it("is given up when it does not answer", async () => {
    endpoint.answer = "never";
    await expect(httpMemory({ url: endpoint.url, timeoutMs: 50 }).last()).rejects.toThrow("no answer within 50 ms");
  });

  it("says why it cannot be reached", async () => {
    const { url } = endpoint;
    await endpoint.close();
    await expect(httpMemory({ url, timeoutMs }).last()).rejects.toThrow(/ECONNREFUSED/);
    endpoint = await HttpPlace.start();
  });

  it("lets the gateway that was faster have its way", async () => {
    const log = new GrowingLog().append("a", "b");
    const memory = httpMemory({ url: endpoint.url, timeoutMs });
    for (const before of [undefined, log.headAt(1).checkpoint]) {
      endpoint.text = before;
      endpoint.beforePut = () => endpoint.put(log.headAt(2).checkpoint);
      await expect(memory.remember(log.append("c"))).rejects.toThrow(/another gateway/);
      expect(endpoint.text).toBe(log.headAt(2).checkpoint);
    }
  });
});

function keysOf(origin: string) {
  const { signer, verifier } = generateKey(origin);
  return { origin, signingKey: signer, trustedKeys: [verifier] };
}
