import type { RequestHandler } from "express";
import { buildChange } from "../changes/build.ts";
import { explainChange, type PepOptions } from "../policy/pep.ts";
import { operation } from "./operation.ts";
import { decisionResource } from "./problem.ts";

export interface ExplainDecisionOptions {
  readonly pep: PepOptions;
  /** The AWS account, twelve digits. */
  readonly account: string;
}

/** `POST /v1/decisions`: would this change be allowed, and why? */
export function explainDecision({ pep, account }: ExplainDecisionOptions): RequestHandler {
  return operation("explainDecision")(async ({ body, principal, context, decided }) => {
    const change = buildChange(body, principal, context, account);
    const { decision } = await explainChange(pep, change);
    decided("what-if", change, decision);
    return { status: 200, body: decisionResource(decision) };
  });
}
