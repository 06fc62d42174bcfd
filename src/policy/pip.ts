import type { Journal } from "../audit/journal.ts";
import type { CredentialType } from "../changes/credential.ts";
import type { Iam, ListedCredential } from "../changes/iam-answers.ts";
import type { Clock } from "../clock.ts";
import { LockkeeperError } from "../errors.ts";
import type {
  CredentialFact,
  FactAbsence,
  FactName,
  FactStatus,
  Facts,
  FactTime,
  SiblingFact,
  UserFact,
} from "./facts.ts";
import type { PolicyCredential } from "./input.ts";
import { recentStatuses } from "./recent-statuses.ts";

/** Looks facts up for policy. Never throws: what cannot be had is null, with its reason. */
export interface Pip {
  /** @param about what the request is about, as far as it says so */
  lookUp(names: readonly FactName[], about: PolicyCredential | undefined): Promise<Facts>;
}

export interface PipOptions {
  readonly iam: Pick<Iam, "list" | "ownerOf" | "user">;
  readonly journal: Pick<Journal, "changes">;
  readonly clock: Pick<Clock, "now">;
  /** Milliseconds for all that is looked up for one request. */
  readonly deadlineMs: number;
}

/**
 * Of one fact as JSON. An IAM user may have 50 tags of 384 characters, and whoever writes them must not be able to make
 * every request about that user too large for policy.
 */
const MAX_FACT = 8 * 1024;

/** Why a fact is not to be had. */
class Absent extends Error {
  readonly why: FactAbsence;

  constructor(why: FactAbsence) {
    super(why);
    this.why = why;
  }
}

/** Facts from IAM, all at once, and about statuses also from the audit log, which may know better than IAM's lists. */
export function createPip(options: PipOptions): Pip {
  return {
    async lookUp(names, about) {
      const known = new Lookup(options, about);
      const looked = await Promise.all(
        [...new Set(names)].map(async (name) => [name, await known.fact(name)] as const),
      );
      const absences = looked.flatMap(([name, fact]) => (fact instanceof Absent ? [[name, fact.why]] : []));
      return {
        ...Object.fromEntries(looked.map(([name, fact]) => [name, fact instanceof Absent ? null : fact])),
        ...(absences.length > 0 && { unavailable: Object.fromEntries(absences) }),
      };
    },
  };
}

type Listed = Omit<ListedCredential, "status"> & { readonly status: FactStatus };

/** The look-ups of one request; the list of credentials serves two facts and is asked for once. */
class Lookup {
  readonly #options: PipOptions;
  readonly #about: PolicyCredential | undefined;
  #list: Promise<readonly Listed[]> | undefined;

  constructor(options: PipOptions, about: PolicyCredential | undefined) {
    this.#options = options;
    this.#about = about;
  }

  async fact(name: FactName): Promise<CredentialFact | readonly SiblingFact[] | UserFact | Absent> {
    try {
      const fact = await this.#look(name);
      return JSON.stringify(fact).length > MAX_FACT ? new Absent("too-large") : fact;
    } catch (error) {
      return error instanceof Absent ? error : new Absent(absenceOf(error));
    }
  }

  #look(name: FactName): Promise<CredentialFact | readonly SiblingFact[] | UserFact> {
    switch (name) {
      case "credential":
        return this.#credential();
      case "siblings":
        return this.#siblings();
      case "user":
        return this.#user();
    }
  }

  async #credential(): Promise<CredentialFact> {
    const { id, type } = this.#about ?? {};
    if (id === undefined) throw new Absent("not-applicable");
    const [listed, used] = await Promise.all([this.#listed(), this.#lastUsed(type, id)]);
    const row = listed.find((one) => one.id === id);
    if (row === undefined) throw new Absent("not-found");
    return { ...listedFact(row), ...used };
  }

  async #lastUsed(type: CredentialType | undefined, id: string): Promise<Pick<CredentialFact, "lastUsed">> {
    if (type !== "access-key") return {};
    const { lastUsed } = await this.#options.iam.ownerOf(id, this.#options.deadlineMs);
    if (lastUsed === null) return { lastUsed };
    const { at, service, region } = lastUsed;
    return { lastUsed: { ...factTime(at), service, region } };
  }

  async #siblings(): Promise<readonly SiblingFact[]> {
    const listed = await this.#listed();
    // Whether IAM minds the case of an id is not documented: what it might take for this one does not count as another.
    const own = this.#about?.id?.toLowerCase();
    return listed.filter(({ id }) => id.toLowerCase() !== own).map(listedFact);
  }

  async #user(): Promise<UserFact> {
    const { userName } = this.#about ?? {};
    if (userName === undefined) throw new Absent("not-applicable");
    const { path, createdAt, tags } = await this.#options.iam.user(userName, this.#options.deadlineMs);
    return { path, createdAt: factTime(createdAt), tags };
  }

  #listed(): Promise<readonly Listed[]> {
    this.#list ??= this.#ask();
    return this.#list;
  }

  async #ask(): Promise<readonly Listed[]> {
    const { iam, journal, clock, deadlineMs } = this.#options;
    const { type, userName } = this.#about ?? {};
    if (type === undefined || userName === undefined) throw new Absent("not-applicable");
    const [rows, changed] = await Promise.all([
      iam.list(type, userName, deadlineMs),
      recentStatuses(journal, { type, userName }, clock.now()),
    ]);
    return rows.map((row) => {
      const known = changed.get(row.id) ?? row.status;
      return known === row.status ? row : { ...row, status: "Unknown" };
    });
  }
}

function listedFact({ id, status, createdAt, service }: Listed): SiblingFact {
  return {
    id,
    status,
    ...(createdAt !== null && { createdAt: factTime(createdAt) }),
    ...(service !== undefined && { service }),
  };
}

function factTime(epochMs: number): FactTime {
  return { rfc3339: new Date(epochMs).toISOString(), epochMs };
}

function absenceOf(error: unknown): FactAbsence {
  if (!(error instanceof LockkeeperError)) return "unavailable";
  if (error.code === "iam-entity-not-found") return "not-found";
  return error.code === "iam-refused" ? "refused" : "unavailable";
}
