import { isUtf8 } from "node:buffer";
import type { RequestHandler } from "express";
import { LockkeeperError } from "../errors.ts";
import { readBytes } from "./body-bytes.ts";
import { unsupportedMediaType } from "./request-error.ts";

const MAX_BYTES = 16 * 1024;
const MAX_DEPTH = 16;
const MAX_MEMBERS = 256;

/** `charset` is no parameter of JSON (RFC 8259, 11), but clients send it; any other one is refused. */
const jsonContentType = /^application\/json(?:[ \t]*;[ \t]*charset=(?:utf-8|"utf-8"))?[ \t]*$/i;

/**
 * Reads a JSON body of at most 16 KiB: first its type, then the bytes, then its shape. What comes out is an object or
 * an array, shallow, with well-formed strings and without names that JavaScript gives a meaning of its own.
 */
export const readJsonBody: RequestHandler = async (request, _response, next) => {
  const type = request.headers["content-type"];
  if (type === undefined || !jsonContentType.test(type)) throw unsupportedMediaType();
  // express-openapi-validator keeps a compiled validator for each content type that it has ever seen, in their raw
  // form: without this, a thousand different ones would cost it 300 MB.
  request.headers["content-type"] = "application/json";
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
    throw new LockkeeperError("unsupported-media-type", "Send the body without Content-Encoding.");
  }
  if (Number(request.headers["content-length"] ?? 0) > MAX_BYTES) {
    throw new LockkeeperError("payload-too-large", "The body is over 16 KiB.");
  }
  const bytes = await readBytes(request, MAX_BYTES);
  if (bytes.length === 0) throw malformedBody("is missing: send a JSON object");
  if (!isUtf8(bytes)) throw malformedBody("must be UTF-8");
  const body = parseJson(bytes);
  guardShape(body, 0, 0);
  request.body = body;
  next();
};

/** An object or an array. What the parser says of anything else would echo it. */
function parseJson(bytes: Buffer): object {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    throw new LockkeeperError("malformed-request", "The body is not valid JSON.");
  }
  if (typeof value !== "object" || value === null) throw malformedBody("must be a JSON object");
  return value;
}

/** For operations without a body. */
export const forgetContentType: RequestHandler = (request, _response, next) => {
  delete request.headers["content-type"];
  next();
};

/** Returns how many members it has seen, together with those seen before. */
function guardShape(value: unknown, depth: number, seen: number): number {
  if (typeof value === "string") guardString(value);
  if (typeof value !== "object" || value === null) return seen;
  if (depth === MAX_DEPTH) throw malformedBody(`must not be nested deeper than ${MAX_DEPTH}`);
  const names = Object.keys(value);
  let members = seen + names.length;
  if (members > MAX_MEMBERS) throw malformedBody(`must not have more than ${MAX_MEMBERS} members`);
  for (const name of names) {
    if (forbiddenNames.has(name)) throw malformedBody("must not have a member of that name");
    guardString(name);
    members = guardShape((value as Readonly<Record<string, unknown>>)[name], depth + 1, members);
  }
  return members;
}

const forbiddenNames: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** Half a surrogate pair would become another character on its way into UTF-8, and the record would not say what was asked. */
function guardString(text: string): void {
  if (!text.isWellFormed()) throw malformedBody("must not have strings that are not well-formed Unicode");
}

function malformedBody(message: string): LockkeeperError {
  const faults = [{ at: "", message }];
  return new LockkeeperError("malformed-request", "The request has a fault; see errors.", { faults });
}
