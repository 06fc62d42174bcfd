import type { Request, RequestHandler, Response } from "express";
import { LockkeeperError } from "../errors.ts";
import type { AuthenticationOptions } from "../http/authentication.ts";
import { readBytes } from "../http/body-bytes.ts";
import { Pace } from "../http/pace.ts";
import { type LimitOptions, takeQuota } from "../http/rate-limit.ts";
import type { RequestLogger } from "../http/request-log.ts";
import { type Asked, actionOf } from "./asked.ts";
import { type AwsKeys, authenticated } from "./authentication.ts";
import type { AwsCall } from "./call.ts";
import { refusalOf } from "./errors.ts";
import { denyForeign, type ForeignOptions } from "./foreign.ts";
import { parseQuery } from "./query.ts";
import { type HttpAnswer, queryAnswer } from "./query-answer.ts";
import { type ReadOptions, read } from "./read.ts";
import { AwsRefusal } from "./refusal.ts";
import { type UpdateOptions, update } from "./update.ts";

export interface AwsDoorOptions extends UpdateOptions, ReadOptions, ForeignOptions {
  readonly journal: UpdateOptions["journal"] & ForeignOptions["journal"];
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

const noDoor =
  "The door for AWS clients is /aws, or /aws/ticket/ and a ticket's id (1 to 64 of A-Z a-z 0-9 . _ - and %23 for #, a letter or digit first), without a query string.";

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
  const [path, ticket] = target.exec(originalUrl) ?? [];
  state.operation = ticket === undefined ? "callIam" : "callIamWithTicket";
  if (path === undefined) throw new AwsRefusal(404, "NotFound", noDoor);
  if (method !== "POST")
    throw new AwsRefusal(405, "MethodNotAllowed", "Only POST is taken: a link must not change anything.");
  if (request.headers["content-encoding"] !== undefined) {
    throw new AwsRefusal(415, "UnsupportedMediaType", "Send the body without Content-Encoding.");
  }
  const body = await readBytes(request, MAX_BYTES);
  const { principal, signature } = await authenticated(options, request, body);
  state.principal = principal;

  const { action, parameters, name } = await counted(options, request, response, body);
  const call: AwsCall = {
    parameters,
    principal,
    context: { ...state.context, channel: "aws" },
    ticket: ticket?.replaceAll("%23", "#"),
    signature,
    decided: (change, decision) => {
      state.decided = { event: "decision", change, decision };
    },
    tellsOf: (changeId) => {
      // Of what an earlier request has begun, nothing was decided now.
      if (state.decided?.change.id !== changeId) state.decided = undefined;
      response.setHeader("X-Lockkeeper-Status-Change", changeId);
    },
  };
  const { requestId } = state.context;
  if (action.kind === "foreign") return denyForeign(options, name, call);
  if (action.kind === "read") return queryAnswer("iam", name, { xml: await read(options, action, call) }, requestId);
  await update(options, action.type, call);
  return queryAnswer("iam", name, { xml: null }, requestId);
}

/** What is asked for, counted. What cannot be carried out is counted as a look, or anybody could ask for it without end. */
async function counted(options: AwsDoorOptions, request: Request, response: Response, body: Buffer): Promise<Asked> {
  let asked: Asked | undefined;
  let fault: unknown;
  try {
    asked = actionOf(parseQuery(request.headers["content-type"], body), options.iamActions);
  } catch (error) {
    fault = error;
  }
  await takeQuota(options, asked?.action.kind === "update" ? "changes" : "reads", request, response);
  if (asked === undefined) throw fault;
  return asked;
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
