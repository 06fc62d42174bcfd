import type { RequestHandler } from "express";
import { buildChange } from "../changes/build.ts";
import { type ExplainedChange, explainChange, type PepOptions } from "../policy/pep.ts";
import { type ShownFacts, shownFacts } from "../policy/shown-facts.ts";
import type { components } from "./openapi.ts";
import { operation } from "./operation.ts";

export interface ExplainDecisionOptions {
  readonly pep: PepOptions;
  /** The AWS account, twelve digits. */
  readonly account: string;
}

/** `POST /v1/decisions`: would this change be allowed, and why? */
export function explainDecision({ pep, account }: ExplainDecisionOptions): RequestHandler {
  return operation("explainDecision")(async ({ body, principal, context, decided }) => {
    const change = buildChange(body, principal, context, account);
    const explained = await explainChange(pep, change);
    decided("what-if", change, explained.decision);
    return { status: 200, body: explanationResource(explained, shownFacts(pep.pdp, explained.input)) };
  });
}

/** A decision with all that there is to say of it, as the contract has it. */
function explanationResource(
  { decision, explanation }: ExplainedChange,
  { facts, withheld }: ShownFacts,
): components["schemas"]["ExplainedDecision"] {
  const { id, allow, revision } = decision;
  const { reasons, remedies } = explanation;
  return {
    id,
    allow,
    reasons: reasons.map(({ code, message, source, rules }) => ({
      code,
      message,
      source,
      ...(rules.length > 0 && { rules: rules.map(({ rule, file, line }) => ({ rule, file, line })) }),
    })),
    revision,
    ...(facts && { facts: { ...facts } }),
    ...(withheld.length > 0 && { factsWithheld: [...withheld] }),
    ...(remedies && {
      remedies: remedies.map(({ needs, certain, message }) => ({ needs: [...needs], certain, message })),
    }),
  };
}
