import OpenApiValidator from "express-openapi-validator";
import { type Fault, LockkeeperError } from "../errors.ts";

/** The classes of express-openapi-validator's errors; all of them have a status, `headers` and `errors`. */
const { BadRequest, MethodNotAllowed, NotFound, UnsupportedMediaType } = OpenApiValidator.error;

const MAX_FAULTS = 20;

/**
 * Turns what Express and express-openapi-validator throw into Lockkeeper's words, here at their edge and
 * nowhere else. Their messages are not used where they could echo what was sent. Whatever is not known is `internal`.
 */
export function translateRequestError(error: unknown): LockkeeperError {
  if (error instanceof LockkeeperError) return error;
  if (error instanceof BadRequest) return malformed(error);
  if (error instanceof NotFound) return notFound({ cause: error });
  if (error instanceof MethodNotAllowed) return methodNotAllowed(error.headers?.["Allow"] ?? "", { cause: error });
  if (error instanceof UnsupportedMediaType) return unsupportedMediaType({ cause: error });
  return new LockkeeperError("internal", "an error that nobody expected", {}, { cause: error });
}

/** No such path. */
export function notFound(options?: ErrorOptions): LockkeeperError {
  return new LockkeeperError(
    "not-found",
    "There is nothing at this path; /openapi.json lists what there is.",
    {},
    options,
  );
}

/** @param allow the methods that the path's operations have, separated by commas */
export function methodNotAllowed(allow: string, options?: ErrorOptions): LockkeeperError {
  const methods = allow.split(", ").flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  const message = "This path does not know that method; Allow lists those that it knows.";
  return new LockkeeperError("method-not-allowed", message, { allow: methods.join(", ") }, options);
}

/** The body is something else than JSON. */
export function unsupportedMediaType(options?: ErrorOptions): LockkeeperError {
  const message = "Send the body as JSON, with `Content-Type: application/json`.";
  return new LockkeeperError("unsupported-media-type", message, {}, options);
}

function malformed(error: InstanceType<typeof BadRequest>): LockkeeperError {
  // "Does not match its `then`" only says again that there is a fault inside of it.
  const errors = error.errors.filter(({ errorCode }: ValidationError) => errorCode !== "if.openapi.validation");
  const faults = errors.slice(0, MAX_FAULTS).map(faultOf);
  const message = faults.length === 1 ? "The request has a fault; see errors." : "The request has faults; see errors.";
  return new LockkeeperError("malformed-request", message, { faults }, { cause: error });
}

interface ValidationError {
  readonly path: string;
  readonly message: string;
  /** Ajv's keyword and `.openapi.validation`. */
  readonly errorCode?: string;
}

function faultOf({ path, message, errorCode }: ValidationError): Fault {
  if (path.startsWith("/body")) {
    const at = path.slice("/body".length);
    if (errorCode === "additionalProperties.openapi.validation") {
      return { at: harmlessPart(at), message: "must not have unknown members" };
    }
    return { at, message };
  }
  const [, place, name] = /^\/(params|headers|query)\/([\w-]{1,64})$/.exec(path) ?? [];
  const where = place === undefined ? undefined : placeNames[place];
  if (place === "query" && message.startsWith("Unknown query parameter")) {
    return { at: `query ${name}`, message: "is no parameter of this operation" };
  }
  // Without one of Ajv's keywords the message was put together by hand there, and could hold what was sent.
  if (where === undefined || errorCode === undefined) return { at: "request", message: "is malformed" };
  return { at: `${where} ${name}`, message };
}

/** The name of an unknown member is the caller's own: the pointer goes as far as nothing in it could do harm elsewhere. */
function harmlessPart(pointer: string): string {
  const names = pointer.split("/").slice(1);
  const firstBad = names.findIndex((name) => !/^[A-Za-z]\w{0,63}$/.test(name));
  return (firstBad === -1 ? names : names.slice(0, firstBad)).map((name) => `/${name}`).join("");
}

const placeNames: Readonly<Record<string, string>> = { params: "path", headers: "header", query: "query" };
