import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { signed } from "../aws/sigv4/signer.ts";
import { startProgram } from "../fixture/processes.ts";
import { oneByOne, post } from "./load.ts";
import { bearer, NO_LIMITS, ROUNDS, WARM_UP_ROUNDS } from "./setting.ts";
import { median, spread } from "./statistics.ts";

const REQUESTS = 400;
const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

/** One caller at a time: the same denied change through the AWS door and through the REST API of one gateway. */
export async function awsDoor(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-bench-"));
  const env = {
    LOCKKEEPER_LISTEN: "127.0.0.1:0",
    LOCKKEEPER_DATA_DIR: join(folder, "data"),
    LOCKKEEPER_LIMIT_CHANGES: String(NO_LIMITS.changes),
  };
  const { url } = await startProgram([main, "serve", "--sandbox"], env);
  const change = { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName: "Bob" };
  const rest = denial(
    `${url}/v1/status-changes`,
    bearer("sandbox-viewer"),
    JSON.stringify({ credential: change, status: "Inactive" }),
  );
  const [restP50, awsP50]: [number[], number[]] = [[], []];
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
    const { headers, body } = signedChange(url);
    const byRest = await oneByOne(REQUESTS, rest);
    const byAws = await oneByOne(REQUESTS, denial(`${url}/aws`, headers, body));
    if (round < 0) continue;
    restP50.push(median(byRest));
    awsP50.push(median(byAws));
  }
  console.log(`  a denial, REST         p50 ${spread(restP50, 2)} ms`);
  console.log(`  a denial, AWS door     p50 ${spread(awsP50, 2)} ms`);
  console.log(`  ratio                  ${(median(awsP50) / median(restP50)).toFixed(2)} (at most 1.5)`);
  rmSync(folder, { recursive: true, force: true });
}

function denial(url: string, headers: Readonly<Record<string, string>>, body: string) {
  return async () => {
    const status = await post(url, headers, body);
    if (status !== 403) throw new Error(`${url} answered ${status}`);
  };
}

/** Signed once a round: denials are judged again each time, and signing is the client's work. */
function signedChange(url: string) {
  const date = `${new Date().toISOString().replaceAll(/[-:]/g, "").slice(0, 15)}Z`;
  const body =
    "Action=UpdateAccessKey&Version=2010-05-08&UserName=Bob&AccessKeyId=AKIAIOSFODNN7EXAMPLE&Status=Inactive";
  const { request } = signed({
    target: "/aws",
    date,
    body,
    accessKeyId: "AKIASANDBOXVIEWER",
    secretAccessKey: "sandbox-viewer-secret",
    headers: [
      ["host", new URL(url).host],
      ["content-type", "application/x-www-form-urlencoded; charset=utf-8"],
      ["x-amz-date", date],
    ],
  });
  return { headers: Object.fromEntries(request.headers), body };
}
