// Goes through the Dockerfile's steps by hand, in empty folders, where there is no Docker engine: builds, keeps the
// production packages alone, puts together what the image holds, and starts it read-only as a user who owns nothing.
// What it cannot show: the base image, and the engine's own isolation.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { node24, serviceFlags } from "../scripts/node24.mjs";

const repository = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), "lockkeeper-image-"));
const node = node24();
const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;
const running = [];

try {
  chmodSync(folder, 0o755);
  const image = assemble();
  await tryOut(image);
  console.log("ok: the image's contents start, answer, and gate a change");
} finally {
  for (const child of running) child.kill("SIGKILL");
  run(["chmod", "-R", "u+w", folder], folder);
  rmSync(folder, { recursive: true, force: true });
}

/** The Dockerfile's three stages. */
function assemble() {
  const [build, packages, image] = ["build", "packages", "image"].map((name) => join(folder, name));
  run(["git", "clone", "--quiet", repository, build], folder);
  // .dockerignore
  for (const name of ["test", "docs"]) rmSync(join(build, name), { recursive: true });
  run(["npm", "ci", "--ignore-scripts"], build);
  run(["npm", "run", "build"], build);

  mkdirSync(packages);
  for (const name of ["package.json", "package-lock.json", ".npmrc"]) cpSync(join(build, name), join(packages, name));
  run(["npm", "ci", "--omit=dev", "--omit=optional", "--ignore-scripts"], packages);

  mkdirSync(image);
  cpSync(join(packages, "node_modules"), join(image, "node_modules"), { recursive: true, verbatimSymlinks: true });
  for (const name of ["dist", "build/policies", "package.json", "openapi.yaml"]) {
    cpSync(join(build, name), join(image, name), { recursive: true });
  }
  run(["chmod", "-R", "a-w,a+rX", image], folder);
  console.log(`the image's own files: ${run(["du", "-sh", image], folder).split("\t")[0]}`);
  return image;
}

async function tryOut(image) {
  const main = join(image, "dist", "main.js");
  const iam = await start([main, "sandbox-iam"], {}, /http:\S+/);
  const data = join(folder, "data");
  mkdirSync(data);
  if (isRoot) chownSync(data, NOBODY, NOBODY);
  const roles = JSON.parse(readFileSync(join(repository, "policies", "data.json"), "utf8"));
  roles.site.roles.principals["lockkeeper pager"] = ["oncall"];
  const dataFile = join(folder, "data.json");
  writeFileSync(dataFile, JSON.stringify(roles));
  const signingKey = join(data, "signing-key");
  const made = ["audit", "keygen", "--origin", "lockkeeper/123456789012", "--out", signingKey];
  const publicKey = run([node, main, ...made], image, {}).trim();
  const env = {
    LOCKKEEPER_LISTEN: "127.0.0.1:0",
    LOCKKEEPER_DATA_DIR: data,
    LOCKKEEPER_IAM_ACCOUNT: "123456789012",
    LOCKKEEPER_IAM_ENDPOINT: iam,
    LOCKKEEPER_IAM_STS_ENDPOINT: iam,
    LOCKKEEPER_POLICY_DATA_FILE: dataFile,
    LOCKKEEPER_AUDIT_SIGNING_KEY_FILE: signingKey,
    AWS_ACCESS_KEY_ID: "AKIALOCKKEEPERSANDBX",
    AWS_SECRET_ACCESS_KEY: "nobody-checks-it",
    NODE_ENV: "production",
  };
  const key = run([node, main, "keys", "create", "--principal", "pager", "--kind", "service"], image, env).trim();
  const url = await start([...entrypointFlags(), main, "serve"], env, /http:\S+?(?=")/);
  const listening = { ...env, LOCKKEEPER_LISTEN: url.slice("http://".length) };
  run([node, main, "health"], image, listening);
  assert.equal((await fetch(`${url}/readyz`)).status, 200);
  const reply = await fetch(`${url}/v1/status-changes`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({
      credential: { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName: "Bob" },
      status: "Inactive",
    }),
  });
  assert.equal(reply.status, 201, await reply.text());
  run([node, main, "audit", "verify", "--key", publicKey], image, env);
}

/** What the Dockerfile's ENTRYPOINT gives to node. */
function entrypointFlags() {
  const dockerfile = readFileSync(join(repository, "Dockerfile"), "utf8");
  const [command, ...args] = JSON.parse(/^ENTRYPOINT (.+)$/m.exec(dockerfile)[1]);
  assert.deepEqual([command, args.at(-1)], ["node", "dist/main.js"]);
  assert.deepEqual(args.slice(0, -1), serviceFlags, "the image runs as npm start does");
  return serviceFlags;
}

/** Starts a program of the image as nobody and resolves with what the pattern finds in its output. */
function start(args, env, pattern) {
  const child = spawn(node, args, {
    ...asNobody(),
    env: { PATH: process.env.PATH, ...env },
    cwd: "/",
    stdio: ["ignore", "pipe", "inherit"],
  });
  running.push(child);
  return new Promise((resolve, reject) => {
    let said = "";
    child.stdout.on("data", (chunk) => {
      said += chunk;
      const found = pattern.exec(said);
      if (found !== null && said.includes("\n")) resolve(found[0]);
    });
    child.once("exit", (code) => reject(new Error(`${args.join(" ")} ended with ${code}: ${said}`)));
  });
}

function asNobody() {
  return isRoot ? { uid: NOBODY, gid: NOBODY } : {};
}

function run([command, ...args], cwd, env) {
  const options = env === undefined ? { env: process.env } : { ...asNobody(), env: { PATH: process.env.PATH, ...env } };
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8", ...options });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")} ended with ${status}\n${stdout}\n${stderr}`);
}
