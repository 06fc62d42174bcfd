// One update in a process of its own, so that it can be stopped. Says "ready", waits for a line, sends, prints the answer.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setDefaultCACertificates } from "node:tls";
import { createIam } from "../../src/iam/client.ts";
import { sandboxAccount, sandboxCredentials } from "../../src/sandbox/iam/seed.ts";

const [endpoint = "", timeoutMs = "", blockedMs] = process.argv.slice(2);
setDefaultCACertificates([readFileSync(new URL("../fixture/tls/cert.pem", import.meta.url), "utf8")]);
const startedAt = Date.now();
const iam = createIam({
  endpoint,
  stsEndpoint: endpoint,
  region: "us-east-1",
  account: sandboxAccount,
  version: "0.1.0",
  // Where it is to block itself, its clock stands still, as if the machine's time were set back meanwhile.
  clock: { now: () => (blockedMs === undefined ? Date.now() : startedAt) },
  credentials: sandboxCredentials,
});
const credential = {
  type: "access-key",
  id: "AKIAIOSFODNN7EXAMPLE",
  userName: "Bob",
  account: sandboxAccount,
} as const;
process.stdout.write("ready\n");
for await (const changeId of createInterface({ input: process.stdin })) {
  const answer = iam.update(
    { changeId, credential, status: "Inactive", notAfter: startedAt + 60_000 },
    Number(timeoutMs),
  );
  if (blockedMs !== undefined) {
    const block = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(blockedMs));
    setTimeout(block, 100);
  }
  process.stdout.write(`${JSON.stringify(await answer)}\n`);
}
