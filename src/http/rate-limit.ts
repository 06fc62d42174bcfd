import type { ServerResponse } from "node:http";
import type { Request, RequestHandler } from "express";
import { principalKey } from "../authn/principal.ts";
import { LockkeeperError, type Quota } from "../errors.ts";
import type { Limits } from "./limits.ts";
import type { Refusals } from "./refusals.ts";

export interface LimitOptions {
  readonly limits: Pick<Limits, "take">;
  readonly refusals: Pick<Refusals, "rateLimited">;
}

export interface SourceLimitOptions {
  readonly limits: Pick<Limits, "looked">;
  readonly refusals: Pick<Refusals, "rateLimited">;
}

type Counted = Parameters<Limits["take"]>[0];

/** Counts the request against its principal's quota, and tells the caller what is left. */
export function limit(options: LimitOptions, name: Counted): RequestHandler {
  return async (request, response, next) => {
    await takeQuota(options, name, request, response);
    next();
  };
}

/** As `limit` does. @throws LockkeeperError `rate-limited` */
export async function takeQuota(
  { limits, refusals }: LimitOptions,
  name: Counted,
  request: Request,
  response: ServerResponse,
): Promise<void> {
  const { principal, context } = request.state;
  if (principal === undefined) throw new LockkeeperError("internal", "a request without a principal cannot be counted");
  const { sourceIp } = context;
  const quota = await counted(limits.take(name, principalKey(principal)), () =>
    refusals.rateLimited({ principal, quota: name, sourceIp }),
  );
  tellQuota(response, quota);
}

/** Counts a request for what is public against its source's quota. */
export function limitSource({ limits, refusals }: SourceLimitOptions): RequestHandler {
  return async (request, response, next) => {
    const { sourceIp } = request.state.context;
    const quota = await counted(limits.looked(sourceIp), () => refusals.rateLimited({ quota: "tree", sourceIp }));
    tellQuota(response, quota);
    next();
  };
}

async function counted(count: Promise<Quota>, onRefused: () => void): Promise<Quota> {
  try {
    return await count;
  } catch (error) {
    if (error instanceof LockkeeperError && error.code === "rate-limited") onRefused();
    throw error;
  }
}

function tellQuota(response: ServerResponse, quota: Quota): void {
  response.setHeader("RateLimit-Policy", rateLimitPolicy(quota));
  response.setHeader("RateLimit", rateLimit(quota));
}

/** The RateLimit-Policy field (IETF draft-ietf-httpapi-ratelimit-headers-10): the quota and its window in seconds. */
export function rateLimitPolicy({ name, limit: quota, windowSeconds }: Quota): string {
  return `"${name}";q=${quota};w=${windowSeconds}`;
}

/** The RateLimit field: what is left, and in how many seconds it is full again. */
export function rateLimit({ name, remaining, resetSeconds }: Quota): string {
  return `"${name}";r=${remaining};t=${resetSeconds}`;
}
