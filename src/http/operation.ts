import type { RequestHandler } from "express";
import type { Principal } from "../authn/principal.ts";
import type { Change, RequestContext } from "../changes/change.ts";
import { LockkeeperError } from "../errors.ts";
import type { Decision } from "../policy/decision.ts";
import { pathParameters } from "./contract.ts";
import type { operations } from "./openapi.ts";
import { type Problem, sendProblem } from "./problem.ts";

export type OperationId = keyof operations;

type BodyOf<Id extends OperationId> = operations[Id] extends {
  requestBody: { content: { "application/json": infer Body } };
}
  ? Body
  : undefined;

type PathOf<Id extends OperationId> = operations[Id] extends { parameters: { path: infer Path } }
  ? Path
  : Record<never, never>;

type QueryOf<Id extends OperationId> = operations[Id] extends { parameters: { query?: infer Query } }
  ? NonNullable<Query>
  : Record<never, never>;

/** What an operation is asked, in the contract's types: it has been validated against it. */
export interface Call<Id extends OperationId> {
  readonly path: PathOf<Id>;
  readonly query: QueryOf<Id>;
  readonly body: BodyOf<Id>;
  readonly idempotencyKey: string | undefined;
  readonly principal: Principal;
  readonly context: RequestContext;
  /** Puts what policy decided about a change into the request's line in the log. */
  decided(event: "decision" | "what-if", change: Change, decision: Decision): void;
}

type ContentOf<Response> = Response extends { content: { "application/json": infer Body } }
  ? Body
  : Response extends { content: { "text/plain": infer Text } }
    ? Text
    : never;

/** The operation's replies in JSON or text, one for each status that the contract gives it; all others are problems. */
export type ReplyOf<Id extends OperationId> = {
  [Status in keyof operations[Id]["responses"] & number]: ContentOf<operations[Id]["responses"][Status]> extends never
    ? never
    : {
        readonly status: Status;
        readonly body: ContentOf<operations[Id]["responses"][Status]>;
        readonly headers?: Readonly<Record<string, string>>;
      };
}[keyof operations[Id]["responses"] & number];

/**
 * Ties a function to an operation of the contract: the compiler holds what it takes and answers to `openapi.yaml`.
 * The types of the contract and Express both end here.
 */
export function operation<Id extends OperationId>(id: Id) {
  return (answer: (call: Call<Id>) => Promise<ReplyOf<Id> | Problem>): RequestHandler =>
    async (request, response) => {
      const { state } = request;
      const { operation: validated, principal, context } = state;
      if (validated !== id) throw new LockkeeperError("internal", `${id} was asked with a request that is not its own`);
      if (principal === undefined) throw new LockkeeperError("internal", `${id} was asked without a principal`);
      const reply = await answer({
        path: pathParameters(request) as PathOf<Id>,
        query: request.query as QueryOf<Id>,
        body: request.body,
        idempotencyKey: request.get("Idempotency-Key"),
        principal,
        context,
        decided: (event, change, decision) => {
          state.decided = { event, change, decision };
        },
      });
      if ("problem" in reply) {
        state.refusal = reply.code;
        return sendProblem(response, reply, context.requestId);
      }
      for (const name in reply.headers) response.setHeader(name, reply.headers[name] ?? "");
      response.status(reply.status);
      if (typeof reply.body === "string") response.type("text/plain; charset=utf-8").send(reply.body);
      else response.json(reply.body);
    };
}
