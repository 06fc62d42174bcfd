import type { IncomingMessage } from "node:http";
import express, { type Express } from "express";
import type { Journal } from "./audit/journal.ts";
import { type AwsDoorOptions, awsDoor } from "./aws/door.ts";
import type { Clock } from "./clock.ts";
import { getCheckpoint } from "./http/audit/checkpoint.ts";
import { getConsistency } from "./http/audit/get-consistency.ts";
import { getRecord } from "./http/audit/get-record.ts";
import { getRecordProof } from "./http/audit/get-record-proof.ts";
import { listRecords } from "./http/audit/list-records.ts";
import { getTile } from "./http/audit/tile.ts";
import { TreeReads } from "./http/audit/tree-reads.ts";
import { type AuthenticationOptions, authentication } from "./http/authentication.ts";
import { type Contract, requestValidation } from "./http/contract.ts";
import { type CreateStatusChangeOptions, createStatusChange } from "./http/create-status-change.ts";
import { explainDecision } from "./http/explain-decision.ts";
import { type FindAccessKeyOwnerOptions, findAccessKeyOwner } from "./http/find-access-key-owner.ts";
import { getPrincipal } from "./http/get-principal.ts";
import { getStatusChange } from "./http/get-status-change.ts";
import { guardRequest } from "./http/guard.ts";
import { forgetContentType, readJsonBody } from "./http/json-body.ts";
import type { Limits } from "./http/limits.ts";
import { type ListCredentialsOptions, listCredentials } from "./http/list-credentials.ts";
import { metrics, type ShownMetrics } from "./http/metrics.ts";
import { getOnly, type Health, livez, openapi, readyz } from "./http/probes.ts";
import { noOperation, problemHandler } from "./http/problem-handler.ts";
import { limit, limitSource } from "./http/rate-limit.ts";
import type { Refusals } from "./http/refusals.ts";
import { type CountedRequest, type RequestLogger, requestLog } from "./http/request-log.ts";
import { takeIn } from "./http/request-state.ts";
import { searchStatusChanges } from "./http/search-status-changes.ts";

export interface AppOptions
  extends AwsDoorOptions,
    AuthenticationOptions,
    CreateStatusChangeOptions,
    ListCredentialsOptions,
    FindAccessKeyOwnerOptions {
  readonly clock: Clock;
  readonly contract: Contract;
  readonly journal: Pick<
    Journal,
    "claimed" | "note" | "recordsOf" | "proven" | "records" | "changes" | "head" | "consistency" | "tile"
  >;
  readonly iam: AwsDoorOptions["iam"] & ListCredentialsOptions["iam"] & FindAccessKeyOwnerOptions["iam"];
  readonly limits: Limits;
  readonly refusals: Refusals;
  readonly health: Health;
  readonly metrics: ShownMetrics & { replied(request: CountedRequest): void };
  readonly log: RequestLogger;
  /** The caller's address; through a trusted proxy, the one that it forwarded. */
  readonly sourceAddress: (request: IncomingMessage) => string;
  /** Of every reply, see `replyHeaders`. */
  readonly headers: ReadonlyMap<string, string>;
  /** Never in production: there, a reply that is not quite right must not hide a change that was made. */
  readonly validateResponses: boolean;
}

/**
 * The front doors, in the order in which a request goes through them. Rejects when the contract is broken.
 */
export async function createApp(options: AppOptions): Promise<Express> {
  const { contract, health, log, clock, validateResponses } = options;
  const app = express();
  app.disable("x-powered-by").disable("etag").enable("strict routing").enable("case sensitive routing");
  const hot = await requestValidation(app, contract.only("/v1/status-changes"), validateResponses);
  const all = await requestValidation(app, contract.all, validateResponses);

  // For every request: an id, the headers of its reply, its line in the log.
  app.use(takeIn(options), requestLog(log, options.metrics.replied));

  // The AWS door stands apart: what it takes is signed byte by byte, and all that it answers is XML.
  app.use("/aws", awsDoor(options));

  // What no operation of the REST API takes.
  app.use(guardRequest);

  // The hot path comes first and has a validator of its own: the general one tries the paths of its document one after
  // another. Its body is read when it has a principal.
  const authenticated = authentication(options);
  app.post(
    "/v1/status-changes",
    authenticated,
    hot.match,
    limit(options, "changes"),
    readJsonBody,
    hot.validate,
    createStatusChange(options),
  );

  // Without authentication: what those who run the gateway ask, and those who follow its log.
  app.route("/livez").get(livez).all(getOnly);
  app.route("/readyz").get(readyz(health)).all(getOnly);
  app.route("/metrics").get(metrics(options.metrics)).all(getOnly);
  app.route("/openapi.json").get(openapi(contract.json)).all(getOnly);

  const looks = limitSource(options);
  const tree = new TreeReads(options.journal);
  app.route("/v1/audit/checkpoint").get(looks, getCheckpoint(tree)).all(getOnly);
  app.route("/v1/audit/tile/*path").get(looks, getTile(tree)).all(getOnly);

  // Whatever comes after this line has a principal, and its body has not been read yet.
  app.use(authenticated);

  const whatIfs = limit(options, "whatIfs");
  app.post("/v1/decisions", whatIfs, all.match, readJsonBody, all.validate, explainDecision(options));

  // All else is a look at something, also where there is nothing: counted before the validator goes through its paths.
  app.use(limit(options, "reads"), all.match, forgetContentType, all.validate);
  app.get("/v1/status-changes", searchStatusChanges(options));
  app.get("/v1/status-changes/:id", getStatusChange(options));
  app.get("/v1/users/:userName/credentials", listCredentials(options));
  app.get("/v1/access-keys/:id", findAccessKeyOwner(options));
  app.get("/v1/principal", getPrincipal(options));
  app.get("/v1/audit/records", listRecords(options));
  app.get("/v1/audit/records/:index", getRecord(options));
  app.get("/v1/audit/records/:index/proof", getRecordProof(options));
  app.get("/v1/audit/consistency", getConsistency(options));

  app.use(noOperation, problemHandler(log, clock));
  return app;
}
