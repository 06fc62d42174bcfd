import { execFile } from "node:child_process";
import {
  accessSync,
  constants,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { version } from "../../src/version.ts";
import { type Gateway, startGateway } from "../fixture/gateway.ts";
import { testKey } from "../fixture/log-keys.ts";

const run = promisify(execFile);
const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const modules = join(repository, "node_modules");
/** All that `lockkeeper/client` may need: nothing of the gateway's. */
const clientPackages = ["openapi-fetch", "openapi-typescript-helpers"];

let folder: string;
/** An empty project with the package and, of all its dependencies, those of the client. */
let project: string;
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
  folder = mkdtempSync(join(tmpdir(), "lockkeeper-pack-"));
  project = join(folder, "project");
  const { stdout } = await run("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: repository });
  await run("tar", ["xzf", join(folder, stdout.trim().split("\n").at(-1) ?? "")], { cwd: folder });
  mkdirSync(join(project, "node_modules", "@types"), { recursive: true });
  cpSync(join(folder, "package"), join(project, "node_modules", "lockkeeper"), { recursive: true });
  for (const name of clientPackages)
    cpSync(join(modules, name), join(project, "node_modules", name), { recursive: true });
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "project", private: true, type: "module" }));
  cpSync(join(repository, "docs", "examples", "chatops-bot.ts"), join(project, "chatops-bot.ts"));
  writeFileSync(join(project, "program.ts"), program);
}, 180_000);
afterAll(async () => {
  await gateway.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What a user of the package writes. */
const program = `
import { createClient, LockkeeperProblem, type StatusChangeRequest } from "lockkeeper/client";
import { verifyReceipt } from "lockkeeper/receipt";
import { answer } from "./chatops-bot.js";

declare const process: { argv: readonly string[]; version: string };
declare const console: { log(line: string): void };
const [, , baseUrl = "", key = "", deserted = ""] = process.argv;
const oncall = createClient({ baseUrl, token: "sandbox-oncall" });
const credential = { type: "ssh-public-key", id: "APKAEIBAERJR2EXAMPLE", userName: "Bob" } as const;
const off: StatusChangeRequest = { credential, status: "Inactive" };
const change = await oncall.setStatus(off);
const { changeId } = verifyReceipt(change.receipt, { keys: [key], changeId: change.id });
// @ts-expect-error There is no such type of credential.
const wrong: StatusChangeRequest = { credential: { ...credential, type: "password" }, status: "Inactive" };
const denied: unknown = await createClient({ baseUrl, token: "sandbox-viewer" }).setStatus(off).catch((error: unknown) => error);
const bot = createClient({ baseUrl, token: "sandbox-chatops", maxWaitMs: 0 });
const nobody = createClient({ baseUrl: deserted, token: "t", maxWaitMs: 0 });
const say = (text: string, id: string, client = bot) => answer(client, { id, text, author: "alice@example.com" });
const key1 = "AKIAIOSFODNN7EXAMPLE";
console.log(JSON.stringify({
  node: process.version,
  proven: changeId === change.id,
  typed: wrong.status,
  denied: denied instanceof LockkeeperProblem && denied.code,
  sentences: [
    await say(\`off \${key1} of Bob for SEC-123\`, "m1"),
    await say(\`off \${key1} of Bob for SEC-123\`, "m1"),
    await say(\`off \${key1} of Bob\`, "m2"),
    await say("off AKIABREAKGLASSEXAMPL of break-glass for SEC-123", "m4"),
    await say("off AKIANOBODYSACCESSKEY of Bob for SEC-9", "m5"),
    await say(\`off \${key1} of Bob\`, "m3", nobody),
    await say("good morning", "m6"),
  ],
}));
`;

/** The oldest Node.js that the client is for, if the machine has it; else the one that runs this. */
async function oldestNode(): Promise<string> {
  for (const path of (process.env["PATH"] ?? "").split(delimiter)) {
    const node = join(path, "node");
    try {
      accessSync(node, constants.X_OK);
      if ((await run(node, ["--version"])).stdout.startsWith("v20.")) return node;
    } catch {
      // Not here.
    }
  }
  console.warn(`There is no Node.js 20 on the PATH: the packed client is tried on ${process.version} alone.`);
  return process.execPath;
}

const tsc = (tsconfig: object) => {
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify(tsconfig));
  return run(process.execPath, [join(modules, "typescript", "bin", "tsc"), "-p", project], { cwd: project }).catch(
    (error: { stdout: string }) => {
      throw new Error(error.stdout);
    },
  );
};

describe("the packed client, in an empty project", () => {
  it.each([
    ["nodenext", "nodenext"],
    ["node16", "node16"],
    ["esnext", "bundler"],
  ])(
    "compiles with module %s and moduleResolution %s, strictly, its own declarations too",
    async (module, resolution) => {
      const compilerOptions = {
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        target: "es2022",
        lib: ["es2022", "dom"],
        module,
        moduleResolution: resolution,
        types: [],
        outDir: module,
      };
      await tsc({ compilerOptions, files: ["program.ts"] });
    },
  );

  it("works on Node.js 20 with nothing of the gateway's installed, and so does the example bot", async () => {
    const node = await oldestNode();
    const gone = await startGateway();
    await gone.close();
    const args = [join(project, "nodenext", "program.js"), gateway.url, testKey.verifier, gone.url];
    const { stdout } = await run(node, args);
    const said = JSON.parse(stdout);
    expect(said).toMatchObject({
      node: (await run(node, ["--version"])).stdout.trim(),
      proven: true,
      typed: "Inactive",
      denied: "denied",
    });
    const off = /^AKIAIOSFODNN7EXAMPLE of Bob is Inactive \([0-9a-f-]{36}\)\.$/;
    expect(said.sentences).toEqual([
      expect.stringMatching(off),
      said.sentences[0],
      expect.stringMatching(/is Inactive \([0-9a-f-]{36}\)\. It was that before\.$/),
      expect.stringMatching(/^AKIABREAKGLASSEXAMPL of break-glass was not touched: .*protected/),
      expect.stringMatching(/^AKIANOBODYSACCESSKEY of Bob was not touched: .*cannot be found/),
      "AKIAIOSFODNN7EXAMPLE of Bob was not touched: Lockkeeper cannot be reached.",
      null,
    ]);
  });

  it("imports nothing but its own files, openapi-fetch and what Node.js has", () => {
    const dist = join(folder, "package", "dist");
    const files = new Set([join(dist, "client", "client.js"), join(dist, "client", "receipt.js")]);
    const packages = new Set<string>();
    for (const file of files) {
      for (const [, name = ""] of readFileSync(file, "utf8").matchAll(/(?:from|import) "([^"]+)"/g)) {
        if (name.startsWith(".")) files.add(join(dirname(file), name));
        else packages.add(name);
      }
    }
    expect([...packages].filter((name) => !builtinModules.includes(name.replace(/^node:/, "")))).toEqual([
      "openapi-fetch",
    ]);
    expect([...packages].filter((name) => name.startsWith("node:"))).toEqual(["node:crypto"]);
    expect([...files].filter((file) => !/dist\/(client|tlog)\/|dist\/(clock|json-object)\.js$/.test(file))).toEqual([]);
  });
});

describe("the package", () => {
  it("holds what runs, what describes it and the policies, and neither sources nor tests of its own", async () => {
    const { stdout } = await run("find", [".", "-type", "f"], { cwd: join(folder, "package") });
    const files = stdout.trim().split("\n");
    const belongs = /^\.\/(dist\/.*\.(js|json|d\.ts)|(policies|templates)\/.*|scripts\/[a-z0-9-]+\.mjs)$/;
    const outside = files.filter((file) => !belongs.test(file)).toSorted();
    expect(outside).toEqual(["./README.md", "./build/policies/bundle.tar.gz", "./openapi.yaml", "./package.json"]);
  });

  it("runs as the lockkeeper command where it is installed", async () => {
    const installed = join(folder, "installed", "node_modules", "lockkeeper");
    cpSync(join(folder, "package"), installed, { recursive: true });
    symlinkSync(modules, join(installed, "node_modules"));
    const command = join(installed, "scripts", "lockkeeper.mjs");
    const lockkeeper = (...args: string[]) => run(process.execPath, [command, ...args], { cwd: folder });
    expect((await lockkeeper("--version")).stdout).toBe(`${version}\n`);
    const url = ["--url", gateway.url, "--token-file", join(folder, "token")];
    writeFileSync(join(folder, "token"), "sandbox-oncall\n");
    expect((await lockkeeper("whoami", ...url)).stdout).toMatch(/^oncall/);
    // Policies are written, checked and compiled with what the package carries.
    await lockkeeper("policy", "new", "mine");
    expect((await lockkeeper("policy", "check", "mine")).stdout).toContain("policies: reasons ok");
    await lockkeeper("policy", "build", "mine", "--out", "mine.tar.gz");
    expect((await lockkeeper("policy", "test", "mine.tar.gz")).stdout).toMatch(/, 0 failed$/m);
  });
});
