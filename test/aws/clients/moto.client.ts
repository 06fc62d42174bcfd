import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { sandboxCredentials } from "../../../src/sandbox/iam/seed.ts";
import { stopAll } from "../../fixture/processes.ts";
import { awsIam, type Place } from "./client-process.ts";
import { type Production, prepareProduction } from "./production.ts";

const { python, cliV2 } = inject("awsClients");
const certificateFile = new URL("../../iam/certificate.pem", import.meta.url).pathname;

describe.skipIf(python === undefined)("with moto in place of IAM", () => {
  let moto: ChildProcess;
  let production: Production;
  let straight: Place;
  let door: (path?: string) => Place;

  beforeAll(async () => {
    const [program = "", ...args] = python?.motoServer ?? [];
    moto = spawn(program, [...args, "-H", "127.0.0.1", "-p", "0"], { stdio: ["ignore", "ignore", "pipe"] });
    const endpoint = await printedUrl(moto);
    straight = { endpoint, ...sandboxCredentials };
    production = await prepareProduction(endpoint);
    const { url } = await production.start();
    door = (path) => production.door(url, path);
  });
  afterAll(async () => {
    await stopAll();
    const ended = once(moto, "exit");
    moto.kill();
    await ended;
    production.remove();
  });

  const aws = async (line: string | readonly string[], place: Place) => {
    const ended = await awsIam(python?.cliV1 ?? [], line, place);
    expect(ended, String(line)).toMatchObject({ code: 0, stderr: "" });
    return ended.stdout;
  };

  it("three of the four updates reach it, and its lists come through", async () => {
    await aws("create-user --user-name Bob", straight);
    const query = ["--output", "text", "--query"];
    const id = async (line: string, member: string) =>
      (await aws([...line.split(" "), ...query, member], straight)).trim();
    const key = await id("create-access-key --user-name Bob", "AccessKey.AccessKeyId");
    const certificate = await id(
      `upload-signing-certificate --user-name Bob --certificate-body file://${certificateFile}`,
      "Certificate.CertificateId",
    );
    const sshKey = await id(
      "upload-ssh-public-key --user-name Bob --ssh-public-key-body ssh-rsa-AAAAEXAMPLE",
      "SSHPublicKey.SSHPublicKeyId",
    );
    for (const [update, list] of [
      [`update-access-key --access-key-id ${key}`, "list-access-keys"],
      [`update-signing-certificate --certificate-id ${certificate}`, "list-signing-certificates"],
      [`update-ssh-public-key --ssh-public-key-id ${sshKey}`, "list-ssh-public-keys"],
    ] as const) {
      for (const status of ["Inactive", "Active"]) {
        expect(await aws(`${update} --status ${status} --user-name Bob`, door("/aws/ticket/SEC-123"))).toBe("");
        const gated = await aws(`${list} --user-name Bob`, door());
        expect(gated).toContain(`"Status": "${status}"`);
        expect(gated).toBe(toTheSecond(await aws(`${list} --user-name Bob`, straight)));
      }
    }
  });

  it("its other reads come through as well, and what it refuses", async () => {
    for (const line of ["list-users", "get-user --user-name Bob"]) {
      expect(await aws(line, door()), line).toBe(toTheSecond(await aws(line, straight)));
    }
    const line = "list-access-keys --user-name Nobody";
    for (const command of [python?.cliV1, cliV2]) {
      if (command === undefined) continue;
      const gated = await awsIam(command, line, door());
      expect(gated).toEqual(await awsIam(command, line, straight));
      expect(gated.stderr).toContain("(NoSuchEntity)");
    }
  });
});

/** IAM and the gateway write times to the second, moto does not. */
function toTheSecond(text: string): string {
  return text.replace(/(T\d\d:\d\d:\d\d)\.\d+/g, "$1");
}

/** The URL that a server says it listens on. */
function printedUrl(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const { stderr } = server;
    if (stderr === null) throw new Error("nobody reads what it says");
    const said: string[] = [];
    server.once("error", reject);
    server.once("exit", (code) => reject(new Error(`moto ended with ${code}:\n${said.join("\n")}`)));
    createInterface({ input: stderr }).on("line", (line) => {
      said.push(line);
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
      if (url !== undefined) resolve(url);
    });
  });
}
