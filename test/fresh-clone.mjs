// Does what a newcomer does: clones this repository into an empty folder, `npm ci`, `npm start`, and the README's curl
// lines, with the Node.js that is running this and with the npm version given. Plain JavaScript that Node 20 can read.
//   node test/fresh-clone.mjs [NPM_VERSION ...]     (default: 10.8.3, and the npm on the PATH)

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const repository = dirname(dirname(fileURLToPath(import.meta.url)));
const versions = process.argv.length > 2 ? process.argv.slice(2) : ["10.8.3", "installed"];

for (const version of versions) {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-clone-"));
  try {
    await tryOut(folder, version);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function tryOut(folder, version) {
  const npm = npmCommand(folder, version);
  const clone = join(folder, "lockkeeper");
  run(["git", "clone", "--quiet", repository, clone], folder);
  console.log(`Node ${process.version}, npm ${run([...npm, "--version"], clone).trim()}`);
  run([...npm, "ci"], clone);
  const port = await freePort();
  const service = spawn(npm[0], [...npm.slice(1), "start"], {
    cwd: clone,
    env: { ...cleanEnvironment(), LOCKKEEPER_LISTEN: `127.0.0.1:${port}` },
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  let said = "";
  service.stdout.on("data", (chunk) => {
    said += chunk;
  });
  try {
    const url = `http://127.0.0.1:${port}`;
    await until(
      async () => (await fetch(`${url}/readyz`)).status === 200,
      () => said,
    );
    const receipted = await exercise(url);
    checkTheLog(npm, clone, receipted);
    assert.match(said, /curl/, "the banner shows what to paste");
  } finally {
    process.kill(-service.pid, "SIGTERM");
    // npm may end before what it has started.
    await until(
      async () => hasEnded(service.pid),
      () => `${said}\nand did not end`,
    );
  }
  assert.ok(readdirSync(join(clone, "data")).includes("lockkeeper.db"), "the audit log is in data/");
  assert.equal(run(["git", "status", "--porcelain"], clone), "", "nothing but ignored files was made");
  console.log(`ok: npm ${version}: installed, started, and a change went through the gate`);
}

/** The manual's own example, what follows from it, and a caller who may not. */
async function exercise(url) {
  const change = (token, body) =>
    fetch(`${url}/v1/status-changes`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const credential = { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" };
  const off = { credential, status: "Inactive" };

  const first = await change("sandbox-oncall", off);
  assert.equal(first.status, 201);
  assert.equal(first.headers.get("lockkeeper-sandbox"), "true");
  const made = await first.json();
  assert.equal(made.previousStatus, "Active");
  assert.equal(made.changed, true);
  assert.equal(made.outcome, "applied");

  const again = await (await change("sandbox-oncall", off)).json();
  assert.equal(again.changed, false);

  const refused = await change("sandbox-viewer", off);
  assert.equal(refused.status, 403);
  assert.equal(typeof (await refused.json()).decision.reasons[0].code, "string");

  const asViewer = { headers: { authorization: "Bearer sandbox-viewer" } };
  const list = await (await fetch(`${url}/v1/users/Bob/credentials`, asViewer)).json();
  assert.equal(list.credentials.find(({ id }) => id === credential.id).status, "Inactive");
  const recorded = await (await fetch(`${url}/v1/status-changes/${made.id}`, asViewer)).json();
  assert.equal(recorded.outcome, "applied");
  return made;
}

/** The README's lines for outsiders, beside the running service. */
function checkTheLog(npm, clone, reply) {
  const lockkeeper = (...args) => run([...npm, "run", "-s", "lockkeeper", "--", ...args], clone);
  const outside = mkdtempSync(join(tmpdir(), "lockkeeper-outsider-"));
  const [receipt, key, database] = [join(outside, "reply.json"), join(outside, "log.pub"), "data/lockkeeper.db"];
  writeFileSync(receipt, JSON.stringify(reply));
  writeFileSync(key, lockkeeper("audit", "key", "data/signing-key"));
  assert.match(lockkeeper("audit", "receipt", receipt, "--key-file", key), /this record is in the log/);
  lockkeeper("audit", "verify", database, "--key-file", key, "--receipt", receipt);
  lockkeeper("audit", "export", database, "--out", join(outside, "bundle"));
  lockkeeper("audit", "verify", join(outside, "bundle"), "--key-file", key, "--receipt", receipt);
  rmSync(outside, { recursive: true });
}

function npmCommand(folder, version) {
  if (version === "installed") return ["npm"];
  run(["npm", "install", "--silent", "--no-save", "--prefix", join(folder, "npm"), `npm@${version}`], folder);
  return [process.execPath, join(folder, "npm", "node_modules", "npm", "bin", "npm-cli.js")];
}

/** The machine's environment without what npm adds for the script that runs this. */
function cleanEnvironment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|LOCKKEEPER_|NODE_ENV$)/i.test(name)),
  );
}

function run([command, ...args], cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env: cleanEnvironment(),
    encoding: "utf8",
  });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")} ended with ${status}\n${stdout}\n${stderr}`, { cause: error });
}

async function until(isTrue, said) {
  for (let tries = 0; tries < 300; tries += 1) {
    if (await isTrue().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited in vain for the service; it said:\n${said()}`);
}

/** @returns {boolean} whether nobody of that process group is left */
function hasEnded(group) {
  try {
    process.kill(-group, 0);
    return false;
  } catch {
    return true;
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
