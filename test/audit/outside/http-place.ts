import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** An HTTP endpoint that keeps one text, with ETags and conditions (RFC 9110), as object stores do. */
export class HttpPlace {
  text: string | undefined;
  /** Every request that came. */
  readonly requests: { method: string; headers: IncomingHttpHeaders }[] = [];
  /** Answers in its place: a status, headers and a body; undefined lets it answer itself. Never answers when "never". */
  answer: { status: number; headers?: Record<string, string>; body?: string } | "never" | undefined;
  /** Called before a PUT is judged: somebody else may have been faster. */
  beforePut: () => void = () => {};
  #version = 0;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { method = "", headers } = request;
      this.requests.push({ method, headers });
      if (this.answer === "never") return;
      if (this.answer !== undefined) {
        response.writeHead(this.answer.status, this.answer.headers).end(this.answer.body);
      } else if (method === "GET") {
        if (this.text === undefined) response.writeHead(404).end();
        else response.writeHead(200, { "content-type": "text/plain", etag: this.#etag }).end(this.text);
      } else {
        this.beforePut();
        const wanted = headers["if-match"];
        const failed =
          (wanted !== undefined && wanted !== this.#etag) ||
          (headers["if-none-match"] === "*" && this.text !== undefined);
        if (!failed) this.put(Buffer.concat(chunks).toString("utf8"));
        response.writeHead(failed ? 412 : 204).end();
      }
    });
  }

  static async start(): Promise<HttpPlace> {
    const place = new HttpPlace();
    await new Promise<void>((resolve) => place.#server.listen(0, "127.0.0.1", resolve));
    return place;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/checkpoint`;
  }

  put(text: string): void {
    this.text = text;
    this.#version += 1;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get #etag(): string {
    return `"v${this.#version}"`;
  }
}
