import { readFileSync } from "node:fs";
import { parse as legacyParse } from "node:url";
import type { Express, Request, RequestHandler, Response } from "express";
import OpenApiValidator from "express-openapi-validator";
import { parse } from "yaml";
import { LockkeeperError } from "../errors.ts";

type Validator = typeof OpenApiValidator.middleware;
type OpenApiDocument = Exclude<Parameters<Validator>[0]["apiSpec"], string>;

/** `openapi.yaml` in the forms in which it is used. */
export interface Contract {
  /** As it is published, UTF-8 JSON. */
  readonly json: Buffer;
  /** All operations, for the validator. */
  readonly all: OpenApiDocument;
  /** One path alone, for a validator of its own. */
  only(path: string): OpenApiDocument;
}

/** A validator's two steps: which operation is it, and is it a request that this operation takes? */
export interface RequestValidation {
  /** Passes on HTTP errors 404 and 405; needs no body. */
  readonly match: RequestHandler[];
  /** Passes on HTTP errors 400 and 415; needs the parsed body. */
  readonly validate: RequestHandler[];
}

/**
 * The validator calls the legacy `url.parse` for every request, and each time Node captures a stack to see whether to
 * warn of it, until it has warned once: a twentieth of a denied change. So that happens here, in silence.
 */
function settleLegacyParseWarning(): void {
  const { noDeprecation } = process;
  process.noDeprecation = true;
  legacyParse("/");
  process.noDeprecation = noDeprecation ?? false;
}

const contractFile = new URL("../../openapi.yaml", import.meta.url);

/** Reads the contract. Throws when the file is missing or no YAML. */
export function loadContract(file: URL = contractFile): Contract {
  const document: OpenApiDocument = parse(readFileSync(file, "utf8"));
  const all = withoutDiscriminators(document);
  return {
    json: Buffer.from(JSON.stringify(document)),
    all,
    only: (path) => ({ ...all, paths: { [path]: all.paths?.[path] ?? missing(path) } }),
  };
}

/**
 * Writes each union with a `discriminator` as "if it is of this type, it is that". It means the same, but then a fault
 * is reported for the one member that is meant and not for all of them, and the validator's own discriminator, which
 * is taken from one schema into its siblings and fails on bodies that are no object, does not come into play.
 */
function withoutDiscriminators(document: OpenApiDocument): OpenApiDocument {
  const schemas = Object.entries<object>(document.components?.schemas ?? {}).map(([name, schema]) => [
    name,
    isUnion(schema) ? chainOf(schema.discriminator) : schema,
  ]);
  return { ...document, components: { ...document.components, schemas: Object.fromEntries(schemas) } };
}

interface Discriminator {
  readonly propertyName: string;
  readonly mapping: Readonly<Record<string, string>>;
}

function isUnion(schema: object): schema is { readonly discriminator: Discriminator } {
  return "oneOf" in schema && "discriminator" in schema;
}

function chainOf({ propertyName, mapping }: Discriminator): object {
  const required = [propertyName];
  return {
    type: "object",
    required,
    properties: { [propertyName]: { type: "string", enum: Object.keys(mapping) } },
    allOf: Object.entries(mapping).map(([value, member]) => ({
      if: { type: "object", required, properties: { [propertyName]: { const: value } } },
      // biome-ignore lint/suspicious/noThenProperty: it is JSON Schema's, and nobody awaits a schema
      then: { $ref: member },
    })),
  };
}

function missing(path: string): never {
  throw new Error(`openapi.yaml has no path ${path}`);
}

/**
 * Makes express-openapi-validator enforce a document. Authentication is not its business: whatever reaches it has a
 * principal already.
 *
 * Rejects when the document is not valid OpenAPI: left alone, the validator would let the service start and answer
 * every request with 500.
 *
 * @param validateResponses for tests and the sandbox; in production a reply that is not quite right must not hide a
 *   change that was made
 */
export async function requestValidation(
  app: Express,
  document: OpenApiDocument,
  validateResponses: boolean,
): Promise<RequestValidation> {
  settleLegacyParseWarning();
  const [pathParameters, metadata, security, ...rest] = OpenApiValidator.middleware({
    apiSpec: document,
    validateSecurity: false,
    fileUploader: false,
    // All errors at once is safe here: bodies are small, bounded in members, and no pattern backtracks.
    validateRequests: { allErrors: true, coerceTypes: false },
    validateResponses: validateResponses && { allErrors: true, coerceTypes: false },
  }) as RequestHandler[];
  if (pathParameters === undefined || metadata === undefined || security === undefined) {
    throw new Error("express-openapi-validator has other steps than this version of Lockkeeper knows");
  }
  await new Promise<void>((resolve, reject) => {
    // The first step waits for the document and passes its errors on. Of a request it needs no more than the app.
    const request = { app } as unknown as Request;
    pathParameters(request, {} as Response, (error?: unknown) => (error === undefined ? resolve() : reject(error)));
  });
  return { match: [headAsGet, metadata, nameOperation], validate: [...rest, onlyPlainNumbers] };
}

/** The contract has no HEAD: a GET whose reply Node sends without its body. */
const headAsGet: RequestHandler = (request, _response, next) => {
  if (request.method === "HEAD") request.method = "GET";
  next();
};

/** What the validator hangs on a request that it has matched with an operation. */
interface Matched {
  readonly openapi?: {
    readonly schema: { readonly operationId?: string };
    /** In the contract's types, once they are validated. */
    readonly pathParams: Readonly<Record<string, unknown>>;
  };
}

/** Keeps which operation it is, for the log and for the handler, which answers no other; and its parameters as they came. */
const nameOperation: RequestHandler = (request, _response, next) => {
  const { openapi } = request as Matched;
  request.state.operation = openapi?.schema.operationId;
  request.state.asSent = { ...openapi?.pathParams, ...request.query };
  next();
};

/** The parameters in the path, in the contract's types. Express's own `params` are strings. */
export function pathParameters(request: Request): Readonly<Record<string, unknown>> {
  return (request as Matched).openapi?.pathParams ?? {};
}

/** The validator takes `0x10`, `1e1` and a blank before the digits for numbers as well: one way to write one is enough. */
const onlyPlainNumbers: RequestHandler = (request, _response, next) => {
  const { asSent } = request.state;
  const places = { path: pathParameters(request), query: request.query };
  for (const [place, parameters] of Object.entries(places)) {
    for (const [name, value] of Object.entries(parameters)) {
      // What was not sent has its default.
      if (typeof value !== "number" || asSent[name] === undefined || asSent[name] === String(value)) continue;
      const faults = [{ at: `${place} ${name}`, message: "must be written in decimal digits only" }];
      throw new LockkeeperError("malformed-request", "The request has a fault; see errors.", { faults });
    }
  }
  next();
};
