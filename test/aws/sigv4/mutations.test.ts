import { describe, expect, it } from "vitest";
import { AwsRefusal } from "../../../src/aws/refusal.ts";
import type { SignedRequest } from "../../../src/aws/sigv4/signed-request.ts";
import { createNodeParser } from "./node-parser.ts";
import { recordedRequests } from "./recorded-requests.ts";
import { ordinaryHeaders, signed } from "./signer.ts";
import { verdictOn } from "./verdict.ts";

const seed = 20_261_122;
const mutationsInAll = 10_000;

/** Shapes that no recorded client sends, but others may. */
const handMade = {
  "a chunked body": chunked(),
  "no blanks where none are needed": inText(signed().request)
    .replace(/^(.+?): /gm, "$1:")
    .replaceAll(", S", ",S"),
  "many signed headers": inText(
    signed({
      headers: [...ordinaryHeaders(), ["Accept", "*/*"], ["User-Agent", "a b c"], ["X-Amz-Meta", "a  b"], ["Z-1", ""]],
    }).request,
  ),
};

const messages = Object.values({ ...recordedRequests, ...handMade }).map((message) => Buffer.from(message, "latin1"));

describe("a signed message with one byte changed", () => {
  it(`is refused, or is the same request still (${mutationsInAll} mutations of ${messages.length} messages)`, async () => {
    const parse = createNodeParser();
    const random = seeded(seed);
    const originals = await Promise.all(messages.map(onlyRequest));
    const verdicts = await Promise.all(originals.map(verdictOn));
    const counts = { unparsed: 0, refused: 0, accepted: 0 };
    for (let count = 0; count < mutationsInAll; count++) {
      const at = count % messages.length;
      const mutated = mutate(messages[at] ?? Buffer.of(), random);
      const requests = await parse(mutated);
      if (requests.length === 0) counts.unparsed++;
      for (const request of requests) {
        const verdict = await verdictOn(request);
        if (verdict instanceof AwsRefusal) counts.refused++;
        else {
          counts.accepted++;
          expect({ verdict, ...meaning(request) }, JSON.stringify(mutated.toString("latin1"))).toEqual({
            verdict: verdicts[at],
            ...meaning(originals[at]),
          });
        }
      }
    }
    expect(verdicts.filter((verdict) => verdict instanceof AwsRefusal)).toEqual([]);
    // Most of a message is signed; what may change is the User-Agent, Accept, the case of names and the like.
    expect(counts.refused).toBeGreaterThan(mutationsInAll / 3);
    expect(counts.accepted).toBeGreaterThan(mutationsInAll / 20);
    expect(counts.unparsed).toBeGreaterThan(mutationsInAll / 20);
    console.log(JSON.stringify(counts));
  });
});

/**
 * All of a request that the door looks at: method, target, body, and every header that is signed, has a meaning to AWS or
 * says how to read the body. Left out are the other headers, the case of names, how many blanks stand in a row, and
 * whether one stands after a comma.
 */
function meaning(request: SignedRequest | undefined) {
  if (request === undefined) throw new Error("no request");
  const signedNames = /SignedHeaders=([^,]*)/.exec(JSON.stringify(request.headers))?.[1]?.split(";") ?? [];
  const read = ["authorization", "content-type", "content-encoding", "date", "expect", "host", ...signedNames];
  const headers = request.headers
    .map(([name, value]) => [name.toLowerCase(), value.replace(/ +/g, " ").replace(/, /g, ",")] as const)
    .filter(([name]) => read.includes(name) || name.startsWith("x-amz-"))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    method: request.method,
    target: request.target,
    body: Buffer.from(request.body).toString("latin1"),
    headers,
  };
}

async function onlyRequest(message: Buffer): Promise<SignedRequest> {
  const [request, ...more] = await createNodeParser()(message);
  if (request === undefined || more.length > 0) throw new Error("the message is not one request");
  return request;
}

/** Mostly another byte in place of one, sometimes one bit turned, one byte more or one less. */
function mutate(message: Buffer, random: (below: number) => number): Buffer {
  const at = random(message.length);
  const old = message[at] ?? 0;
  const [before, after] = [message.subarray(0, at), message.subarray(at + 1)];
  switch (random(8)) {
    case 0:
      return Buffer.concat([before, after]);
    case 1:
      return Buffer.concat([before, Buffer.of(random(256), old), after]);
    case 2:
      return Buffer.concat([before, Buffer.of(old, old), after]);
    case 3:
    case 4:
      return Buffer.concat([before, Buffer.of(old ^ (1 << random(8))), after]);
    default:
      return Buffer.concat([before, Buffer.of((old + 1 + random(255)) % 256), after]);
  }
}

/** Marsaglia's xorshift32: the same numbers in every run. */
function seeded(start: number): (below: number) => number {
  let state = start;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function inText(request: SignedRequest): string {
  const lines = request.headers.map(([name, value]) => `${name}: ${value}`);
  const body = Buffer.from(request.body).toString("latin1");
  return [`${request.method} ${request.target} HTTP/1.1`, ...lines, `Content-Length: ${body.length}`, "", body].join(
    "\r\n",
  );
}

function chunked(): string {
  const [head = "", body = ""] = inText(signed().request).split("\r\n\r\n");
  const chunks = [body.slice(0, 20), body.slice(20)].map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`);
  return `${head.replace(/Content-Length: \d+/, "Transfer-Encoding: chunked")}\r\n\r\n${chunks.join("")}0\r\n\r\n`;
}
