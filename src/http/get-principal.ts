import type { RequestHandler } from "express";
import { operation } from "./operation.ts";

export interface GetPrincipalOptions {
  /** The AWS account, twelve digits. */
  readonly account: string;
}

/** `GET /v1/principal`: who the caller is. It tells nothing that the caller has not proven, so no policy is asked. */
export function getPrincipal({ account }: GetPrincipalOptions): RequestHandler {
  return operation("getPrincipal")(async ({ principal }) => {
    const { id, issuer, kind, userName, groups, authn } = principal;
    const body = { id, issuer, kind, ...(userName !== undefined && { userName }), groups: [...groups], authn, account };
    return { status: 200, body };
  });
}
