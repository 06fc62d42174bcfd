import { Agent, request } from "node:http";
import autocannon from "autocannon";

export interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The body of each request, in turn. */
  readonly body: () => string;
  /** The only status that counts; any other fails the benchmark. */
  readonly expectStatus: number;
}

export interface Measured {
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** Sends requests from this process over keep-alive connections, each as soon as the last is answered. */
export async function load({ url, connections, seconds, headers, body, expectStatus }: Load): Promise<Measured> {
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    requests: [{ setupRequest: (request) => ({ ...request, body: body() }) }],
  });
  const statuses = Object.keys(result.statusCodeStats ?? {});
  if (result.errors > 0 || statuses.some((status) => Number(status) !== expectStatus)) {
    throw new Error(
      `${url} answered ${JSON.stringify(result.statusCodeStats)} with ${result.errors} errors, not ${expectStatus}`,
    );
  }
  return { requestsPerSecond: result.requests.average, p50: result.latency.p50, p99: result.latency.p99 };
}

const agent = new Agent({ keepAlive: true });

/**
 * Posts a body, JSON unless a header says otherwise, over a kept connection and reads the reply to its end. By `node:http`, as the AWS SDK does: what the client
 * costs is then the same on both sides of a comparison.
 */
export function post(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const length = Buffer.byteLength(body);
    const sent = request(
      url,
      { agent, method: "POST", headers: { "content-type": "application/json", ...headers, "content-length": length } },
      (reply) => {
        reply.resume();
        reply.once("end", () => resolve(reply.statusCode ?? 0));
      },
    );
    sent.once("error", reject);
    sent.end(body);
  });
}

/** Sends one request after the other and returns the milliseconds of each. */
export async function oneByOne(count: number, request: () => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  for (let sent = 0; sent < count; sent += 1) {
    const start = performance.now();
    await request();
    times.push(performance.now() - start);
  }
  return times;
}
