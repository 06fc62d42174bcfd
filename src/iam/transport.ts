import type { Readable } from "node:stream";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { AwsCall, named } from "./call.ts";
import { FencedHttpAgent, FencedHttpsAgent } from "./fence.ts";

type HttpRequest = Parameters<NodeHttpHandler["handle"]>[0];
type Handled = ReturnType<NodeHttpHandler["handle"]>;

/**
 * Idle connections are closed from here before AWS does it: a request that meets a closing connection ends with an
 * unknown outcome.
 */
const IDLE_MS = 4_000;
/** Long enough for one lost SYN, which the kernel sends again after a second. */
const CONNECTION_TIMEOUT_MS = 1_500;

/**
 * A way to AWS: the SDK's own HTTP handler, with the call's deadline and change id, and with a look of our own at every
 * success. The SDK takes a 200 with an empty or an HTML body, a 202 and a 204 for one.
 */
export class AwsTransport extends NodeHttpHandler {
  /** @param maxSockets beyond them requests queue inside the agent, where their time runs on */
  constructor(maxSockets: number) {
    const agent = { keepAlive: true, maxSockets, timeout: IDLE_MS };
    super({
      httpAgent: new FencedHttpAgent(agent),
      httpsAgent: new FencedHttpsAgent(agent),
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      // Without it, the request timeout only writes a warning.
      throwOnRequestTimeout: true,
      // The call's deadline covers it; left out, the SDK sets a timer of its own for each request.
      socketTimeout: 0,
    });
  }

  override async handle(request: HttpRequest): Handled {
    const call = AwsCall.current();
    if (call === undefined) throw new Error("a request to AWS that belongs to no call");
    if (call.changeId !== undefined) {
      // IAM would take the owner of the key that signed: the gateway's own user, or the account's root.
      if (!namesUser.test(String(request.body))) throw named("UserNameMissing", "an update must name its user");
      // Not a signed header, so it may be added to after signing.
      request.headers["user-agent"] = `${request.headers["user-agent"]} change/${call.changeId}`;
    }
    call.admitRequest();
    const { response } = await super.handle(request, {
      abortSignal: call.signal,
      requestTimeout: call.attemptTimeoutMs,
    });
    const body = await collect(response.body);
    response.body = body;
    if (response.statusCode < 300) {
      call.confirm(requestIdOf(actionOf(request), response.statusCode, response.headers, body));
      // An update's answer holds nothing more; this saves the SDK from parsing it.
      if (call.changeId !== undefined) response.body = new Uint8Array();
    }
    return { response };
  }
}

const namesUser = /&UserName=[^&]/;

/** The whole body. Rejects when the connection ends before it does. */
function collect(stream: Readable): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => resolve(Buffer.concat(chunks)));
    stream.on("error", reject);
    stream.on("close", () => {
      if (!stream.readableEnded) reject(named("ConnectionClosed", "the connection ended within the answer"));
    });
  });
}

/** `UpdateAccessKey` in the form that the SDK has written. */
function actionOf(request: HttpRequest): string {
  return /^Action=(\w+)&/.exec(String(request.body))?.[1] ?? "";
}

const firstElement = /^\s*(?:<\?xml[^>]*\?>\s*)?<(\w+)[\s>]/;

/**
 * AWS's id of a request that succeeded.
 * @throws Error `MalformedAnswer` unless this is a 200 with that action's own answer, from its first element to its
 *   last, and with a request id: only that proves that AWS, and not something in between, has answered
 */
function requestIdOf(action: string, status: number, headers: Record<string, string>, body: Buffer): string {
  const text = body.toString();
  const element = `${action}Response`;
  const whole = firstElement.exec(text)?.[1] === element && text.trimEnd().endsWith(`</${element}>`);
  if (status !== 200 || !whole) {
    throw named("MalformedAnswer", `HTTP ${status} without the answer to ${action}`);
  }
  const id = headers["x-amzn-requestid"] ?? /<RequestId>([^<]+)<\/RequestId>\s*<\/ResponseMetadata>/.exec(text)?.[1];
  if (id === undefined || id.trim() === "") throw named("MalformedAnswer", "a success without a request id");
  return id.trim().slice(0, 128);
}
