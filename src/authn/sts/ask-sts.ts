import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { identityQuestion } from "./identity-proof.ts";
import type { StsAnswer } from "./sts-answer.ts";

export interface AskStsOptions {
  /** `https://host[:port]`, from the configuration and from nowhere else. */
  readonly endpoint: string;
  /** Milliseconds for the whole exchange, the wait for a connection included. */
  readonly timeoutMs: number;
}

/** Connections at a time; further questions wait for one within their deadline. */
const MAX_CONNECTIONS = 16;

/** Ten times what STS answers. */
const MAX_ANSWER_BYTES = 16 * 1024;

/**
 * A way to ask STS who has signed a `GetCallerIdentity` request. The request is always the same; only its headers come
 * from a proof. Redirects are answers like any other, and the environment has no say in where this goes, nor in whether
 * the certificate is checked.
 *
 * @returns a function that rejects with Error when there is no whole answer in time
 */
export function createStsClient({ endpoint, timeoutMs }: AskStsOptions) {
  const url = new URL("/", endpoint);
  const tls = url.protocol === "https:";
  // Proofs are remembered, so connections that wait for the next would mostly wait in vain.
  const agent = tls
    ? new https.Agent({ maxSockets: MAX_CONNECTIONS, rejectUnauthorized: true, minVersion: "TLSv1.2" })
    : new http.Agent({ maxSockets: MAX_CONNECTIONS });
  const { request } = tls ? https : http;

  return async (headers: Readonly<Record<string, string>>): Promise<StsAnswer> => {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      return await new Promise<StsAnswer>((resolve, reject) => {
        const sent = request(url, {
          method: "POST",
          agent,
          signal,
          headers: { ...headers, "content-length": identityQuestion.length, "user-agent": "lockkeeper" },
        });
        sent.on("error", reject);
        sent.once("response", (response) => {
          // When the time is up within the answer, it is the answer that fails.
          bounded(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
        });
        sent.end(identityQuestion);
      });
    } catch (cause) {
      throw new Error(signal.aborted ? `no answer from STS within ${timeoutMs} ms` : "no answer from STS", { cause });
    }
  };
}

async function bounded(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) throw new Error("an answer without an encoding is bytes");
    bytes += chunk.length;
    // Leaving the loop destroys the connection.
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the answer has more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
