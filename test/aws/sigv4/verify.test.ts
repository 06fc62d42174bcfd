import { hash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { verifySignature } from "../../../src/aws/sigv4/verify.ts";
import { createNodeParser } from "./node-parser.ts";
import { recordedRequests } from "./recorded-requests.ts";
import { accessKeyId, secretAccessKey, signed } from "./signer.ts";
import { findSecret, now, verdictOn } from "./verdict.ts";

const parse = createNodeParser();
const minute = 60_000;

describe("verifySignature", () => {
  it.each(Object.entries(recordedRequests))("verifies what %s sends", async (_client, message) => {
    const [request] = await parse(Buffer.from(message));
    if (request === undefined) throw new Error("the message did not arrive");
    const signature = /Signature=([0-9a-f]{64})/.exec(message)?.[1] ?? "";
    const region = /\/(\w+-\w+-1)\/iam\//.exec(message)?.[1];
    const date = /x-amz-date: (\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/i.exec(message)?.slice(1).map(Number) ?? [];
    const [year = 0, month = 0, day, hour, minutes, seconds] = date;
    expect(await verdictOn(request)).toEqual({
      accessKeyId,
      region,
      signedAt: Date.UTC(year, month - 1, day, hour, minutes, seconds),
      digest: hash("sha256", signature),
    });
  });

  it("takes the parameters of the Authorization header with and without a blank after each comma", async () => {
    const { request } = signed();
    const headers = request.headers.map(([name, value]) => [name, value.replaceAll(", ", ",")] as const);
    expect(await verdictOn({ ...request, headers })).toMatchObject({ accessKeyId });
  });

  it("takes header names in any case and order", async () => {
    const { request } = signed();
    const headers = request.headers.toReversed().map(([name, value]) => [name.toUpperCase(), value] as const);
    expect(await verdictOn({ ...request, headers })).toMatchObject({ accessKeyId });
  });

  it("takes headers that clients sign beyond the mandatory ones, the User-Agent among them", async () => {
    const { request: bare, signing } = signed();
    const headers: [string, string][] = [
      ...signing.headers,
      ["User-Agent", "rust  sdk/1"],
      ["Connection", "keep-alive"],
    ];
    const { request } = signed({ headers });
    expect(await verdictOn(bare)).toMatchObject({ accessKeyId });
    expect(await verdictOn(request)).toMatchObject({ accessKeyId });
  });

  it("lets proxies add headers that mean nothing to it, also twice", async () => {
    const { request } = signed();
    const headers = [
      ...request.headers,
      ["X-Forwarded-For", "192.0.2.1"],
      ["X-Forwarded-For", "192.0.2.2"],
      ["X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793"],
    ] as const;
    expect(await verdictOn({ ...request, headers })).toMatchObject({ accessKeyId });
  });

  it.each([-5 * minute, 5 * minute])("takes a signature that is %i ms from its own clock", async (skew) => {
    const { request } = signed({ date: "20261122T024600Z" });
    expect(await verifySignature(request, { findSecret, now: now + skew })).toMatchObject({ signedAt: now });
  });

  it("says in AWS's words when a signature has expired or is not yet current", async () => {
    const { request } = signed({ date: "20261122T024600Z" });
    await expect(verifySignature(request, { findSecret, now: now + 5 * minute + 1000 })).rejects.toMatchObject({
      status: 403,
      code: "SignatureDoesNotMatch",
      message: "Signature expired: 20261122T024600Z is now earlier than 20261122T024601Z (20261122T025101Z - 5 min.)",
    });
    await expect(verifySignature(request, { findSecret, now: now - 6 * minute })).rejects.toMatchObject({
      status: 403,
      code: "SignatureDoesNotMatch",
      message:
        "Signature not yet current: 20261122T024600Z is still later than 20261122T024500Z (20261122T024000Z + 5 min.)",
    });
  });

  it("asks for the secret once, whether the key is known or not, and not before the request is whole", async () => {
    const asked: string[] = [];
    const ask = (id: string) => {
      asked.push(id);
      return findSecret(id);
    };
    await verifySignature(signed().request, { findSecret: ask, now });
    await expect(
      verifySignature(signed({ accessKeyId: "AKIAUNKNOWN" }).request, { findSecret: ask, now }),
    ).rejects.toMatchObject({ status: 403, code: "InvalidClientTokenId" });
    await expect(verifySignature(signed({ service: "s3" }).request, { findSecret: ask, now })).rejects.toMatchObject({
      code: "SignatureDoesNotMatch",
    });
    expect(asked).toEqual([accessKeyId, "AKIAUNKNOWN"]);
  });

  it("refuses a key whose secret is empty, even to those who sign with an empty secret", async () => {
    const { request } = signed({ secretAccessKey: "" });
    await expect(verifySignature(request, { findSecret: () => "", now })).rejects.toMatchObject({
      code: "InvalidClientTokenId",
    });
  });

  it("forgets a secret as soon as it is not found any more", async () => {
    const { request } = signed();
    const live = new Map([[accessKeyId, secretAccessKey]]);
    const options = { findSecret: (id: string) => live.get(id), now };
    await verifySignature(request, options);
    live.set(accessKeyId, "another-secret");
    await expect(verifySignature(request, options)).rejects.toMatchObject({ code: "SignatureDoesNotMatch" });
    live.delete(accessKeyId);
    await expect(verifySignature(request, options)).rejects.toMatchObject({ code: "InvalidClientTokenId" });
  });

  it("gives two requests two digests, and one request one, whatever was added unsigned", async () => {
    const { request } = signed();
    const again = { ...request, headers: [...request.headers, ["User-Agent", "another"] as const] };
    const { request: other } = signed({ date: "20261122T024446Z" });
    const digests = [];
    for (const each of [request, again, other]) digests.push((await verifySignature(each, { findSecret, now })).digest);
    expect(digests[1]).toBe(digests[0]);
    expect(digests[2]).not.toBe(digests[0]);
  });
});
