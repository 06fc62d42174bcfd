import { Agent, request } from "node:http";

export interface Sent {
  /** When, by `performance.now()`. */
  readonly at: number;
  /** Milliseconds until its reply was there as a whole. */
  readonly tookMs: number;
  readonly status: number;
  readonly reply: string;
}

/**
 * Sends requests at a steady rate, whether the earlier ones are answered or not: nobody waits longer than his own
 * request takes.
 */
export class SteadyLoad {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #timer: NodeJS.Timeout;
  readonly #running = new Set<Promise<void>>();
  readonly #send: () => Promise<{ status: number; reply: string }>;
  readonly sent: Sent[] = [];
  failed = 0;

  /** @param perSecond at most 1,000 */
  constructor(url: string, headers: Readonly<Record<string, string>>, body: string, perSecond: number) {
    this.#send = () => post(this.#agent, url, headers, body);
    const start = performance.now();
    let count = 0;
    this.#timer = setInterval(() => {
      for (; count < ((performance.now() - start) / 1000) * perSecond; count += 1) this.#one();
    }, 1);
  }

  /** Resolves when everything that was sent is answered. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
    this.#agent.destroy();
  }

  #one(): void {
    const at = performance.now();
    const done = this.#send().then(
      (answer) => void this.sent.push({ at, tookMs: performance.now() - at, ...answer }),
      () => {
        this.failed += 1;
      },
    );
    this.#running.add(done);
    void done.then(() => this.#running.delete(done));
  }
}

function post(
  agent: Agent,
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<{ status: number; reply: string }> {
  const length = Buffer.byteLength(body);
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { agent, method: "POST", headers: { "content-type": "application/json", ...headers, "content-length": length } },
      (incoming) => {
        let reply = "";
        incoming.setEncoding("utf8");
        incoming.on("data", (chunk: string) => {
          reply += chunk;
        });
        incoming.once("end", () => resolve({ status: incoming.statusCode ?? 0, reply }));
        incoming.once("error", reject);
      },
    );
    sent.once("error", reject);
    sent.end(body);
  });
}
