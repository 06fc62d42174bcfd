import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AwsRefusal } from "../../../src/aws/refusal.ts";
import { verifySignature } from "../../../src/aws/sigv4/verify.ts";
import type { Clock } from "../../../src/clock.ts";

/** An access key that the stand-in knows. */
export interface StsKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly arn: string;
}

export interface ReceivedQuestion {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

type Answer = (response: ServerResponse) => void;

/** An STS over real HTTP that answers `GetCallerIdentity`, and only where the signature is right. */
export class StrictSts {
  readonly received: ReceivedQuestion[] = [];
  /** Instead of its own answer, when set. */
  instead: Answer | undefined;
  /** Awaited before each answer. */
  before: (() => Promise<void>) | undefined;
  readonly #keys: readonly StsKey[];
  readonly #clock: Pick<Clock, "now">;
  readonly #server = createServer((request, response) => void this.#handle(request, response));

  constructor(keys: readonly StsKey[], clock: Pick<Clock, "now">) {
    this.#keys = keys;
    this.#clock = clock;
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const question = await read(request);
    this.received.push(question);
    await this.before?.();
    if (this.instead !== undefined) return this.instead(response);
    const { status, body } = await this.#answer(question);
    response.writeHead(status, { "content-type": "text/xml" }).end(body);
  }

  async #answer(question: ReceivedQuestion): Promise<{ status: number; body: string }> {
    const findSecret = (id: string) => this.#keys.find(({ accessKeyId }) => accessKeyId === id)?.secretAccessKey;
    const options = { findSecret, now: this.#clock.now(), service: "sts" };
    try {
      const { accessKeyId } = await verifySignature({ ...question, body: Buffer.from(question.body) }, options);
      const arn = this.#keys.find((key) => key.accessKeyId === accessKeyId)?.arn ?? "";
      return { status: 200, body: identityXml(arn) };
    } catch (error) {
      if (!(error instanceof AwsRefusal)) throw error;
      return { status: error.status, body: errorXml(error.code) };
    }
  }
}

/** As in the STS API reference's example. */
export function identityXml(arn: string, account = arn.split(":")[4]): string {
  return `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
   <Arn>${arn}</Arn>
    <UserId>AIDACKCEVSQ6C2EXAMPLE</UserId>
    <Account>${account}</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata>
    <RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId>
  </ResponseMetadata>
</GetCallerIdentityResponse>
`;
}

export function errorXml(code: string): string {
  return `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error>
    <Type>Sender</Type>
    <Code>${code}</Code>
    <Message>A sentence.</Message>
  </Error>
  <RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId>
</ErrorResponse>
`;
}

async function read(request: IncomingMessage): Promise<ReceivedQuestion> {
  const { method = "", url = "", rawHeaders } = request;
  const headers = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [[name, rawHeaders[at + 1] ?? ""] as const] : []));
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  return { method, target: url, headers, body };
}
