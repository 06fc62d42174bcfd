import type { RequestHandler } from "express";
import type { PolicyState } from "../policy/update-events.ts";
import type { components } from "./openapi.ts";
import { methodNotAllowed } from "./request-error.ts";

/** What the gateway knows of its own parts without asking anybody. */
export interface Health {
  policyReady(): boolean;
  /** What decides, and why the newest does not. */
  policy(): PolicyState;
  auditReady(): boolean;
  /** Told to stop, finishing what is running. */
  draining(): boolean;
}

/** `GET /livez`: the process answers. Asks neither AWS nor the database, so that a hung disk gets nobody restarted. */
export const livez: RequestHandler = (request, response) => {
  request.state.operation = "livez";
  response.json({ status: "ok" } satisfies components["schemas"]["Liveness"]);
};

/** `GET /readyz`: whether changes can be taken now. */
export function readyz({ policyReady, policy: policyState, auditReady, draining }: Health): RequestHandler {
  return (request, response) => {
    request.state.operation = "readyz";
    const policy = policyReady() ? "ok" : "unavailable";
    const audit = auditReady() ? "ok" : "unavailable";
    const ready = policy === "ok" && audit === "ok";
    const status = draining() ? "draining" : ready ? "ready" : "not-ready";
    const body: components["schemas"]["Readiness"] = {
      status,
      checks: { policy, audit },
      policy: policyDetails(policyState()),
    };
    response.status(status === "ready" ? 200 : 503).json(body);
  };
}

/** Codes and times only: whoever reaches the port reads this. */
function policyDetails({ confirmedAt, expired, trouble }: PolicyState): components["schemas"]["PolicyReadiness"] {
  return {
    state: expired ? "expired" : trouble === undefined ? "current" : "behind",
    confirmedAt: new Date(confirmedAt).toISOString(),
    ...(trouble && { trouble: { code: trouble.code, since: new Date(trouble.since).toISOString() } }),
  };
}

/** `GET /openapi.json`: the contract. */
export function openapi(json: Buffer): RequestHandler {
  return (request, response) => {
    request.state.operation = "openapi";
    response.setHeader("Content-Type", "application/json");
    response.send(json);
  };
}

/** Answers the methods that a path without validator does not have. */
export const getOnly: RequestHandler = () => {
  throw methodNotAllowed("GET");
};
