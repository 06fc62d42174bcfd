import type { Request, RequestHandler, Response } from "express";
import type { Principal } from "../authn/principal.ts";
import { LockkeeperError } from "../errors.ts";
import type { AuthenticationOptions } from "../http/authentication.ts";
import { readBytes } from "../http/body-bytes.ts";
import { Pace } from "../http/pace.ts";
import { type LimitOptions, takeQuota } from "../http/rate-limit.ts";
import type { RequestLogger } from "../http/request-log.ts";
import { type Action, actions, IAM_VERSION } from "./actions.ts";
import type { AwsCall } from "./call.ts";
import { validationError } from "./constraints.ts";
import { refusalOf } from "./errors.ts";
import { parseQuery, type Query } from "./query.ts";
import { type HttpAnswer, queryAnswer } from "./query-answer.ts";
import { type ReadOptions, read } from "./read.ts";
import { AwsRefusal } from "./refusal.ts";
import { verifySignature } from "./sigv4/verify.ts";
import { type UpdateOptions, update } from "./update.ts";

/** Key pairs that Lockkeeper has issued and that are good now. */
export interface AwsKeys {
  find(accessKeyId: string): { readonly secretAccessKey: string; readonly principal: Principal } | undefined;
}

export interface AwsDoorOptions extends UpdateOptions, ReadOptions {
  readonly awsKeys: AwsKeys;
  readonly limits: LimitOptions["limits"] & AuthenticationOptions["limits"];
  readonly refusals: LimitOptions["refusals"] & AuthenticationOptions["refusals"];
  /** All that IAM can do, by its name: what the door does not carry out is denied, and not unknown. */
  readonly iamActions: ReadonlySet<string>;
  readonly log: RequestLogger;
}

/** What this door takes is smaller by far; so is what anybody can make it read. */
const MAX_BYTES = 16 * 1024;
/** Clients put a slash to the end of an endpoint that has a path, or do not. The ticket is part of what they sign. */
const target = /^\/aws(?:\/ticket\/([A-Za-z0-9](?:[A-Za-z0-9._-]|%23){0,63}))?\/?$/;

/** `POST /aws`, `/aws/ticket/{ticket}`: the IAM Query protocol, for unmodified AWS clients. All its answers are XML. */
export function awsDoor(options: AwsDoorOptions): RequestHandler {
  const pace = new Pace(options.clock);
  return async (request, response) => {
    const { requestId } = request.state.context;
    try {
      send(response, await answerTo(options, request, response));
    } catch (error) {
      const { status, code, message } = refusalOf(error);
      if (code === "Throttling") await pace.hold();
      if (status >= 500 || isLost(error)) options.log.error({ requestId, code, err: error }, "request failed");
      request.state.refusal = reasonForLog(error, code);
      if (status === 405) response.setHeader("Allow", "POST");
      send(response, queryAnswer("iam", "", { status, code, message }, requestId));
    }
  };
}

async function answerTo(options: AwsDoorOptions, request: Request, response: Response): Promise<HttpAnswer> {
  const { method, originalUrl, state } = request;
  state.operation = "callIam";
  const [path, ticket] = target.exec(originalUrl) ?? [];
  if (path === undefined)
    throw new AwsRefusal(404, "NotFound", "The door for AWS clients is /aws, or /aws/ticket/ and a ticket's id.");
  if (method !== "POST")
    throw new AwsRefusal(405, "MethodNotAllowed", "Only POST is taken: a link must not change anything.");
  if (request.headers["content-encoding"] !== undefined) {
    throw new AwsRefusal(415, "UnsupportedMediaType", "Send the body without Content-Encoding.");
  }
  const body = await readBytes(request, MAX_BYTES);
  const { principal, signature } = await authenticated(options, request, body);
  state.principal = principal;

  const { action, parameters, name } = actionOf(options, parseQuery(request.headers["content-type"], body));
  await takeQuota(options, action.kind === "update" ? "changes" : "reads", request, response);
  const call: AwsCall = {
    parameters,
    principal,
    context: { ...state.context, channel: "aws" },
    ticket: ticket?.replaceAll("%23", "#"),
    signature,
    decided: (change, decision) => {
      state.decided = { event: "decision", change, decision };
      response.setHeader("X-Lockkeeper-Status-Change", change.id);
    },
  };
  const { requestId } = state.context;
  if (action.kind === "read") return queryAnswer("iam", name, { xml: await read(options, action, call) }, requestId);
  await update(options, action.type, call);
  return queryAnswer("iam", name, { xml: null }, requestId);
}

/** Who has signed this request, every byte of it that counts. A failure is counted as at every other door. */
async function authenticated(options: AwsDoorOptions, request: Request, body: Buffer) {
  const { awsKeys, clock, limits, refusals } = options;
  const { method, originalUrl: target, state } = request;
  try {
    const signature = await verifySignature(
      { method, target, headers: headerPairs(request), body },
      { findSecret: (id) => awsKeys.find(id)?.secretAccessKey, now: clock.now() },
    );
    const found = awsKeys.find(signature.accessKeyId);
    if (found === undefined) throw new LockkeeperError("unauthenticated", "The key pair was revoked meanwhile.");
    return { principal: found.principal, signature };
  } catch (error) {
    const { sourceIp } = state.context;
    if (error instanceof AwsRefusal || (error instanceof LockkeeperError && error.code === "unauthenticated")) {
      refusals.failedAuthentication(sourceIp);
      await limits.failed(sourceIp);
    }
    throw error;
  }
}

function headerPairs({ rawHeaders }: Request): [string, string][] {
  return Array.from({ length: rawHeaders.length / 2 }, (_, n) => [
    rawHeaders[2 * n] ?? "",
    rawHeaders[2 * n + 1] ?? "",
  ]);
}

interface Asked {
  readonly name: string;
  readonly action: Action;
  readonly parameters: ReadonlyMap<string, string>;
}

function actionOf({ iamActions }: AwsDoorOptions, { action: name, version, parameters }: Query): Asked {
  if (version !== IAM_VERSION || !iamActions.has(name)) {
    const [what, which] = [name, version ?? "NO_VERSION_SPECIFIED"].map(shown);
    throw new AwsRefusal(400, "InvalidAction", `Could not find operation ${what} for version ${which}`);
  }
  const action = actions.get(name);
  if (action === undefined) {
    const message = `Lockkeeper does not carry out iam:${name}: only the status of credentials can be changed here, and what it takes to find them.`;
    throw new AwsRefusal(403, "AccessDenied", message);
  }
  // IAM would pass over a parameter that it does not know. Here nothing is let through of which the meaning is unknown.
  const known = new Set(action.constraints.map(({ parameter }) => parameter));
  if ([...parameters.keys()].some((parameter) => !known.has(parameter))) {
    throw new AwsRefusal(
      400,
      "ValidationError",
      `Lockkeeper takes these parameters of ${name} only: ${[...known].join(", ")}.`,
    );
  }
  const fault = validationError(parameters, action.constraints);
  if (fault !== undefined) throw new AwsRefusal(fault.status, fault.code, fault.message);
  return { name, action, parameters };
}

/** As much of somebody's text as an error may repeat. */
function shown(text: string): string {
  return /^[A-Za-z0-9_.-]{1,128}$/.test(text) ? text : "(not a name)";
}

function isLost(error: unknown): boolean {
  return error instanceof LockkeeperError && error.code.startsWith("outcome-");
}

/** The caller is not told why a signature does not hold; the operator is. */
function reasonForLog(error: unknown, code: string): string {
  if (error instanceof LockkeeperError) return error.code;
  const cause = error instanceof AwsRefusal && error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return code === "AccessDenied" ? "denied" : `${code}${cause}`;
}

function send(response: Response, { status, headers, body }: HttpAnswer): void {
  response.statusCode = status;
  for (const name in headers) response.setHeader(name, headers[name] ?? "");
  response.setHeader("Content-Length", Buffer.byteLength(body));
  response.end(body);
}
