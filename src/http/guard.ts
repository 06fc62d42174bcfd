import type { IncomingMessage } from "node:http";
import type { Request, RequestHandler } from "express";
import { LockkeeperError } from "../errors.ts";
import { guardQuery } from "./guard-query.ts";

/** Headers of which a second one could make a proxy and this gateway see two different requests. */
const onlyOnce = ["authorization", "content-type", "content-length", "host", "idempotency-key"] as const;

/** Only what RFC 3986 calls `pchar`: no backslash, no fragment and no blank that two parsers could take differently. */
const plainPath = /^\/[A-Za-z0-9._~!$&'()*+,;=:@/-]*$/;
const pathWithEscapes = /^\/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*$/;

/**
 * Refuses requests that no operation takes and that the parsers further in would read leniently, each in its own way.
 * Looks at the request line and the headers only.
 */
export const guardRequest: RequestHandler = (request, _response, next) => {
  guardHeaders(request);
  guardTarget(request);
  guardNoBody(request);
  guardAccept(request);
  next();
};

function guardHeaders(request: IncomingMessage): void {
  const distinct = request.headersDistinct;
  for (const name of onlyOnce) {
    const values = distinct[name];
    if (values !== undefined && values.length > 1) throw malformedHeader(name, "must be sent once only");
  }
  // Node's own check would answer without a problem, so it is off, and this is its place (RFC 9112, 3.2).
  if (request.headers.host === undefined && request.httpVersion === "1.1") throw malformedHeader("host", "is missing");
}

function guardTarget({ method, url = "" }: IncomingMessage): void {
  const question = url.indexOf("?");
  const path = question === -1 ? url : url.slice(0, question);
  if (question !== -1) guardQuery(method, path, url.slice(question + 1));
  if (plainPath.test(path) ? hasDotSegment(path) : !isSafeWhenDecoded(path)) {
    throw new LockkeeperError("malformed-request", "The path is not one that a URL parser would leave as it is.");
  }
}

/** Escapes are fine as long as they change nothing about where the path's segments begin and end. */
function isSafeWhenDecoded(path: string): boolean {
  if (!pathWithEscapes.test(path)) return false;
  try {
    return path.split("/").every((segment) => {
      const decoded = decodeURIComponent(segment);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      return !/[/\\\u0000-\u001f\u007f]/.test(decoded) && decoded !== "." && decoded !== "..";
    });
  } catch {
    return false;
  }
}

function hasDotSegment(path: string): boolean {
  return path.includes("/.") && path.split("/").some((segment) => segment === "." || segment === "..");
}

/** Only for the methods that never have one; what the others bring along is looked at when it is read. */
function guardNoBody({ method, headers }: IncomingMessage): void {
  if (method !== "GET" && method !== "HEAD") return;
  const { "content-length": length, "transfer-encoding": transfer } = headers;
  if (transfer !== undefined || (length !== undefined && length !== "0")) {
    throw new LockkeeperError("malformed-request", "A GET request has no body.");
  }
}

function guardAccept(request: Request): void {
  const { accept } = request.headers;
  if (accept === undefined || accept === "*/*") return;
  // Those who watch name formats of their own with parameters; there is one, which all of them read.
  if (request.path === "/metrics") return;
  const type = typeOffered(request.path);
  if (accept === type || request.accepts(type) !== false) return;
  const what = type === "application/json" ? "Replies are JSON" : `What is here is ${type}`;
  throw new LockkeeperError("not-acceptable", `${what}; send \`Accept: ${type}\`, or none.`);
}

/** What the tools of transparency logs read is not JSON. */
function typeOffered(path: string): string {
  if (!path.startsWith("/v1/audit/")) return "application/json";
  if (path.startsWith("/v1/audit/tile/")) return "application/octet-stream";
  return path === "/v1/audit/checkpoint" || path.endsWith("/proof") ? "text/plain" : "application/json";
}

function malformedHeader(name: string, message: string): LockkeeperError {
  const faults = [{ at: `header ${name}`, message }];
  return new LockkeeperError("malformed-request", "The request has a fault; see errors.", { faults });
}
