import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { serviceFlags } from "../../../scripts/node24.mjs";
import { main } from "../../faults/gate.ts";
import { prepareService, type Service } from "../../fixture/service.ts";
import type { Place } from "./client-process.ts";

/** A gateway in production mode, to be started once or more often, and a key pair for an on-call person. */
export interface Production extends Service<"oncall"> {
  /** The door below this URL. */
  door(url: string, path?: string): Place;
}

/** @param settings sections of the configuration */
export async function prepareProduction(
  iamUrl: string,
  settings: Readonly<Record<string, object>> = {},
): Promise<Production> {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-aws-keys-"));
  const encryptionKeyFile = join(folder, "encryption-key");
  await lockkeeper(["keys", "encryption-key", encryptionKeyFile]);
  const service = await prepareService({
    main,
    iamUrl,
    roles: { oncall: "oncall" },
    settings: { authn: { awsKeys: { encryptionKeyFile } }, ...settings },
  });
  const create = ["keys", "create", "--aws", "--principal", "oncall", "--kind", "human", "--config", service.config];
  const printed = await lockkeeper(create);
  const [, accessKeyId, secretAccessKey] =
    /^AWS_ACCESS_KEY_ID=(\S+)\nAWS_SECRET_ACCESS_KEY=(\S+)\n$/.exec(printed) ?? [];
  if (accessKeyId === undefined || secretAccessKey === undefined) throw new Error("keys create printed no key pair");
  return {
    ...service,
    door: (url, path = "/aws") => ({ endpoint: url + path, accessKeyId, secretAccessKey }),
    remove() {
      service.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A command of Lockkeeper's. @returns its standard output */
async function lockkeeper(args: readonly string[]): Promise<string> {
  // What LOCKKEEPER_… says here is for these tests, not for it.
  const env = { PATH: process.env["PATH"], HOME: process.env["HOME"] };
  return (await promisify(execFile)(process.execPath, [...serviceFlags, main, ...args], { env })).stdout;
}
