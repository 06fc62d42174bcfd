import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, test } from "vitest";
import { createProofReader } from "../../../src/authn/sts/identity-proof.ts";
import type { StsConfig } from "../../../src/config.ts";
import { TestClock } from "../../fixture/clock.ts";
import { refusal } from "../../fixture/errors.ts";
import { checksSignatures, motoCallers } from "./moto-accounts.ts";
import {
  account,
  alice,
  basicDate,
  bob,
  type Headers,
  headersIn,
  proofOf,
  proverFrom,
  stsConfig,
  tampered,
} from "./proofs.ts";
import { StrictSts } from "./strict-sts.ts";

/** Where moto listens; without it, the suite runs against a stand-in of the tests' own. */
const moto = process.env["LOCKKEEPER_TEST_STS_ENDPOINT"];
/** A Python that has botocore. */
const python = process.env["LOCKKEEPER_TEST_PYTHON"];

const MINUTE = 60_000;
const clock = new TestClock(Date.now());

interface Callers {
  readonly endpoint: string;
  readonly alice: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly bob: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly role?: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken: string };
  readonly close: () => Promise<void>;
}

async function callersOf(endpoint: string | undefined): Promise<Callers> {
  if (endpoint !== undefined) return { endpoint, ...(await motoCallers(endpoint)), close: async () => undefined };
  const sts = await new StrictSts([alice, bob], clock).listen();
  return { endpoint: sts.url, alice, bob, close: () => sts.close() };
}

describe(`AWS callers before ${moto === undefined ? "a strict STS" : `moto at ${moto}`}`, () => {
  let callers: Callers;
  let config: StsConfig;
  let prove: ReturnType<typeof proverFrom>;
  beforeAll(async () => {
    callers = await callersOf(moto);
    config = stsConfig(callers.endpoint, { accounts: [account], trustUserNames: true });
    prove = proverFrom({ sts: config, ownAccount: account, clock });
    return callers.close;
  });
  const user = (id: string, userName: string) => ({
    id,
    issuer: `sts:${account}`,
    kind: "human",
    userName,
    groups: [],
    authn: "sts",
  });
  const proof = (key = callers.alice, when = clock.now()) => proofOf(key, config, when);

  test("have their signatures looked at: without that, nothing here would show anything", async () => {
    expect(await checksSignatures(callers.endpoint, callers.alice.accessKeyId)).toBe(true);
  });

  test("are their IAM users", async () => {
    expect(await prove(await proof())).toEqual(user("user/team/alice", "alice"));
    expect(await prove(await proof(callers.bob))).toEqual(user("user/Bob", "Bob"));
  });

  test.runIf(moto)("are the role whose session they have", async () => {
    const { role = callers.alice } = callers;
    expect(await prove(await proof(role))).toEqual({
      id: "assumed-role/deployer",
      issuer: `sts:${account}`,
      kind: "service",
      groups: [],
      authn: "sts",
    });
    expect(headersIn(await proof(role))).toHaveProperty("x-amz-security-token");
  });

  test.runIf(moto)("are refused with a session's key without its token, and with another token", async () => {
    const { role } = callers;
    if (role === undefined) throw new Error("moto made no session");
    const { sessionToken: _, ...key } = role;
    expect((await refusal(prove(await proof(key)))).code).toBe("unauthenticated");
    const exchanged = (headers: Headers) => ({ ...headers, "x-amz-security-token": "AAAA" });
    expect((await refusal(prove(tampered(await proof(role), exchanged)))).code).toBe("unauthenticated");
  });

  test("are refused in an account that is not let in", async () => {
    const sts = { ...config, accounts: ["210987654321"] };
    const elsewhere = proverFrom({ sts, ownAccount: account, clock });
    expect((await refusal(elsewhere(await proof()))).code).toBe("unauthenticated");
  });

  test.each<[string, () => Promise<string>]>([
    ["a wrong secret", () => proof({ ...callers.alice, secretAccessKey: "wrong" })],
    ["a key that nobody has", () => proof({ ...callers.alice, accessKeyId: "AKIANOBODY0000000002" })],
    [
      "another user's key beside their own signature",
      async () => {
        const { accessKeyId } = callers.bob;
        return tampered(await proof(), ({ authorization = "", ...headers }) => ({
          ...headers,
          authorization: authorization.replace(callers.alice.accessKeyId, accessKeyId),
        }));
      },
    ],
    [
      "another user's signature",
      async () => {
        const [own, other] = [await proof(), headersIn(await proof(callers.bob))];
        return tampered(own, ({ authorization = "", ...headers }) => ({
          ...headers,
          authorization: authorization.slice(0, -64) + other["authorization"]?.slice(-64),
        }));
      },
    ],
    [
      "a proof for another gateway",
      () => proofOf(callers.alice, { ...config, serverId: "other.example.com" }, clock.now()),
    ],
    [
      "a proof for another gateway that was made out to this one",
      async () => {
        const other = await proofOf(callers.alice, { ...config, serverId: "other.example.com" }, clock.now());
        return tampered(other, (headers) => ({ ...headers, "x-lockkeeper-server-id": config.serverId }));
      },
    ],
    ["an old date", () => proof(callers.alice, clock.now() - 6 * MINUTE)],
    [
      "an old date that was made new",
      async () => {
        const old = await proof(callers.alice, clock.now() - 4 * MINUTE);
        return tampered(old, (headers) => ({ ...headers, "x-amz-date": basicDate(clock.now() - MINUTE) }));
      },
    ],
    ["the signature of another region", () => proofOf(callers.alice, { ...config, region: "us-east-1" }, clock.now())],
  ])("are refused with %s", async (_what, make) => {
    expect((await refusal(prove(await make()))).code).toBe("unauthenticated");
  });

  /** Signs with botocore, as the documentation has it. */
  const signedBy = (
    credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string },
    { endpoint, region, serverId } = config,
  ) => {
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const env = {
      PATH: process.env["PATH"],
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      ...(sessionToken && { AWS_SESSION_TOKEN: sessionToken }),
    };
    const args = ["docs/examples/sts_proof.py", endpoint, region, serverId];
    const { stdout, stderr, status } = spawnSync(python ?? "", args, { env, encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
    return stdout.trim().replace(/^AWS-STS /, "");
  };

  test.runIf(python)("may sign with botocore, as the documentation has it", async () => {
    const prover = proverFrom({ sts: config, ownAccount: account, clock: { now: Date.now } });
    const { alice: key, role = { ...key, sessionToken: "" } } = callers;
    expect(await prover(signedBy(key))).toEqual(user("user/team/alice", "alice"));
    if (moto) expect(await prover(signedBy(role))).toMatchObject({ id: "assumed-role/deployer", kind: "service" });
    const wrong = signedBy({ ...key, secretAccessKey: "wrong" });
    expect((await refusal(prover(wrong))).code).toBe("unauthenticated");
  });

  test.each([
    ["https://sts.example.com:443", "sts.example.com"],
    ["https://STS.example.com:8443/", "sts.example.com:8443"],
    ["http://[::1]:80", "[::1]"],
  ])("sign for the host of %s as a gateway asks it", async (endpoint, stsHost) => {
    const sts = { ...config, endpoint };
    const { serverId, region } = sts;
    expect(new URL(endpoint).host).toBe(stsHost);
    const read = createProofReader({ stsHost, region, serverId });
    const proofs = [await proofOf(alice, sts, Date.now()), ...(python ? [signedBy(alice, sts)] : [])];
    for (const proof of proofs) expect(read(proof, Date.now()).headers["host"]).toBe(stsHost);
  });
});
