import createApi, { type Client as Api } from "openapi-fetch";
import { type Clock, systemClock } from "../clock.ts";
import type { components, operations, paths } from "../http/openapi.ts";
import { followPages } from "./pages.ts";
import { LockkeeperProblem, LockkeeperUnanswered } from "./problem.ts";
import { type Reply, type Sending, type SendOptions, send, type Try } from "./send.ts";
import { authorizationOf, checkedBaseUrl, segment } from "./settings.ts";

// biome-ignore lint/performance/noBarrelFile: it is the entry of the package, and these are what its functions throw
export { LockkeeperProblem, LockkeeperUnanswered } from "./problem.ts";

type Schemas = components["schemas"];
export type StatusChangeRequest = Schemas["StatusChangeRequest"];
export type StatusChange = Schemas["StatusChange"];
export type ExplainedDecision = Schemas["ExplainedDecision"];
export type CredentialList = Schemas["CredentialList"];
export type AccessKeyOwner = Schemas["AccessKeyOwner"];
export type AuthenticatedPrincipal = Schemas["AuthenticatedPrincipal"];
export type StatusChangePage = Schemas["StatusChangePage"];
export type RecordPage = Schemas["RecordPage"];
export type StatusChangeFilter = NonNullable<operations["searchStatusChanges"]["parameters"]["query"]>;
export type RecordFilter = NonNullable<operations["listRecords"]["parameters"]["query"]>;

export interface ClientOptions {
  /** Where the gateway is: `https://lockkeeper.example`; with a path, if it is behind one. */
  readonly baseUrl: string;
  /**
   * An API key or an access token, or what gets one: it is asked before each request. With AWS credentials of your own it
   * is the whole `AWS-STS …` value (docs/aws-callers.md), which is good for five minutes only.
   */
  readonly token: string | (() => string | Promise<string>);
  readonly fetch?: (request: Request) => Promise<Response>;
  /** Milliseconds for each request; default 15,000. */
  readonly timeoutMs?: number;
  /** Milliseconds for a request that has to be sent again, with the waits between; default 30,000. 0: never again. */
  readonly maxWaitMs?: number;
  readonly clock?: Clock;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface SetStatusOptions extends CallOptions {
  /** Default: a new one for each call. Give your own to make one change of several calls. */
  readonly idempotencyKey?: string;
  /** Milliseconds for which to look what became of a change whose outcome is not known; default 90,000, in which the gateway itself looks. 0: once. */
  readonly settleMs?: number;
}

/** What a program asks of Lockkeeper. Every call throws `LockkeeperProblem` or `LockkeeperUnanswered`. */
export interface LockkeeperClient {
  /**
   * Switches a credential on or off. Resolves only when the credential has been seen to have that status, or IAM has
   * confirmed it. A change whose outcome is not known is never sent again: it is looked at until it is settled.
   */
  setStatus(request: StatusChangeRequest, options?: SetStatusOptions): Promise<StatusChange>;
  /** Would this change be allowed, why, and what would be needed? Nothing is changed; the question is recorded. */
  explain(request: StatusChangeRequest, options?: CallOptions): Promise<ExplainedDecision>;
  /** One change as it stands now. */
  statusChange(id: string, options?: CallOptions): Promise<StatusChange>;
  /** One change when it is settled, or as it stands after `settleMs`. */
  settled(id: string, options?: CallOptions & Pick<SetStatusOptions, "settleMs">): Promise<StatusChange>;
  credentials(userName: string, options?: CallOptions): Promise<CredentialList>;
  /** Whose access key is this? */
  accessKey(id: string, options?: CallOptions): Promise<AccessKeyOwner>;
  /** Who am I? */
  principal(options?: CallOptions): Promise<AuthenticatedPrincipal>;
  /** Pages of changes, the newest first. */
  statusChanges(filter?: StatusChangeFilter, options?: CallOptions): AsyncGenerator<StatusChangePage, void>;
  /** Pages of the audit log, the oldest first. To look is a record too: with no `until`, a later page has it. */
  records(filter?: RecordFilter, options?: CallOptions): AsyncGenerator<RecordPage, void>;
  /** Every other operation, as openapi-fetch has it: with the token, but without timeouts, tries and errors of its own. */
  readonly api: Api<paths>;
}

const FIRST_LOOK_MS = 500;
const LONGEST_LOOK_MS = 5_000;

/**
 * A client of one gateway.
 * @throws TypeError for a base URL or a token that cannot be used; it does not repeat them
 */
export function createClient(options: ClientOptions): LockkeeperClient {
  const { fetch, timeoutMs = 15_000, maxWaitMs = 30_000, clock = systemClock } = options;
  const authorization = authorizationOf(options.token);
  const baseUrl = checkedBaseUrl(options.baseUrl);
  // Lockkeeper redirects nowhere, and whoever else does must not get the change.
  const api = createApi<paths>({ baseUrl, redirect: "error", ...(fetch && { fetch }) });
  api.use({
    async onRequest({ request }) {
      if (!request.headers.has("Authorization")) request.headers.set("Authorization", await authorization());
      return request;
    },
  });
  const sendOptions: SendOptions = { clock, timeoutMs, maxWaitMs, authorization };
  const bodyOf = <Body>(ask: (attempt: Try) => Promise<Reply<Body>>, sending?: Sending): Promise<Body> =>
    send(ask, sendOptions, sending);

  const statusChange: LockkeeperClient["statusChange"] = (id, sending) =>
    bodyOf(
      (attempt) => api.GET("/v1/status-changes/{id}", { params: { path: { id: segment(id) } }, ...attempt }),
      sending,
    );

  const settled: LockkeeperClient["settled"] = async (id, { settleMs = 90_000, signal } = {}) => {
    const until = clock.now() + settleMs;
    for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_LOOK_MS)) {
      const change = await statusChange(id, signal && { signal });
      if (isSettled(change) || clock.now() + waitMs > until) return change;
      await clock.sleep(waitMs, signal);
    }
  };

  return {
    api,
    statusChange,
    settled,

    async setStatus(body, { idempotencyKey = crypto.randomUUID(), ...look } = {}) {
      const params = { header: { "Idempotency-Key": idempotencyKey } };
      const sending = { idempotencyKey, signal: look.signal };
      try {
        const change = await bodyOf((attempt) => api.POST("/v1/status-changes", { params, body, ...attempt }), sending);
        return confirmed(change, body, idempotencyKey);
      } catch (error) {
        if (!(error instanceof LockkeeperProblem) || error.changeId === undefined || !isOpen(error)) throw error;
        const change = await settled(error.changeId, look).catch(whereNobodyAnswers);
        if (change !== undefined && hasWantedStatus(change)) return confirmed(change, body, idempotencyKey);
        throw error.about(change);
      }
    },

    explain: (body, sending) => bodyOf((attempt) => api.POST("/v1/decisions", { body, ...attempt }), sending),
    credentials: (userName, sending) => {
      const params = { path: { userName: segment(userName) } };
      return bodyOf((attempt) => api.GET("/v1/users/{userName}/credentials", { params, ...attempt }), sending);
    },
    accessKey: (id, sending) => {
      const params = { path: { id: segment(id) } };
      return bodyOf((attempt) => api.GET("/v1/access-keys/{id}", { params, ...attempt }), sending);
    },
    principal: (sending) => bodyOf((attempt) => api.GET("/v1/principal", attempt), sending),
    statusChanges: (filter = {}, sending) =>
      followPages("/v1/status-changes", filter, (query) =>
        bodyOf((attempt) => api.GET("/v1/status-changes", { params: { query }, ...attempt }), sending),
      ),
    records: (filter = {}, sending) =>
      followPages("/v1/audit/records", filter, (query) =>
        bodyOf((attempt) => api.GET("/v1/audit/records", { params: { query }, ...attempt }), sending),
      ),
  };
}

/** The change was bound to its key, and its outcome is not known yet. */
function isOpen({ status, replayed }: LockkeeperProblem): boolean {
  return status === 504 || (status === 409 && replayed);
}

function isSettled({ outcome, readBack }: StatusChange): boolean {
  return outcome !== "pending" && (outcome !== "unknown" || readBack !== null);
}

function hasWantedStatus({ outcome, readBack }: StatusChange): boolean {
  return outcome === "applied" || (outcome === "unknown" && readBack?.result === "as-wanted");
}

/** Nobody is told "done" by an answer that is about something else. */
function confirmed(change: StatusChange, asked: StatusChangeRequest, idempotencyKey: string): StatusChange {
  const { credential, status } = change;
  const isIt = credential?.id === asked.credential.id && credential.type === asked.credential.type;
  if (isIt && status === asked.status && hasWantedStatus(change)) return change;
  const message = "An answer came back that is not about the change which was asked for.";
  throw new LockkeeperUnanswered(message, { idempotencyKey, nothingChanged: false });
}

/** Then what is known stays what the change's own answer said. */
function whereNobodyAnswers(error: unknown): undefined {
  if (error instanceof LockkeeperProblem || error instanceof LockkeeperUnanswered) return undefined;
  throw error;
}
