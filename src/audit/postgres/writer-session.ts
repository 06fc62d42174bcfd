import pg from "pg";
import type { Bound } from "./flush.ts";
import { clientConfig, prepare, type Row, type SessionOptions } from "./session.ts";

/** How long an answer is waited for; longer than any of the server's own limits, so that only a hung one meets it. */
const ANSWER_TIMEOUT_MS = 15_000;
const FAREWELL_MS = 1_000;
const LIMITS = {
  statementTimeoutMs: 10_000,
  lockTimeoutMs: 5_000,
  // Whoever stops in the middle of a transaction, as a suspended process does, holds up all the others.
  idleInTransactionTimeoutMs: 1_500,
} as const;

/** The session in which an instance writes. Statements go out one behind the other without waiting for the answers. */
export class WriterSession {
  readonly #client: pg.Client;
  #pid = 0;
  #warning: string | undefined;
  #lost: Error | undefined;

  private constructor(client: pg.Client) {
    this.#client = client;
    client.on("error", (error) => {
      this.#lost ??= error;
    });
    client.on("notice", ({ severity, message }) => {
      if (severity === "WARNING") this.#warning = message;
    });
  }

  /** @throws Error when the server cannot be reached, or cannot keep a log */
  static async open(options: Pick<SessionOptions, "endpoint" | "schema">): Promise<WriterSession> {
    const client = new pg.Client({
      ...clientConfig(options.endpoint),
      pipeline: true,
      query_timeout: ANSWER_TIMEOUT_MS,
    });
    const session = new WriterSession(client);
    try {
      await client.connect();
      session.#pid = await prepare(client, { schema: options.schema, role: "writer", ...LIMITS });
      return session;
    } catch (error) {
      session.discard();
      throw error;
    }
  }

  /** Why nothing can be asked here any more. */
  get lost(): Error | undefined {
    return this.#lost;
  }

  /** The number of the server's process for this session. */
  get pid(): number {
    return this.#pid;
  }

  readonly ask = async (text: string, values: unknown[]): Promise<readonly Row[]> => {
    return (await this.#client.query<Row>(text, values)).rows;
  };

  async run({ name, text, values }: Bound): Promise<readonly Row[]> {
    return (await this.#client.query<Row>({ name, text, values })).rows;
  }

  /** `READ COMMITTED`, so that what follows the lock sees what was committed while it was waited for. */
  async begin(): Promise<void> {
    await this.#client.query("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
  }

  /**
   * @returns false when the server has rolled the transaction back, because one of its statements had failed
   * @throws Error when it is not known whether the transaction was committed, or whether it is where it has to be
   */
  async commit(): Promise<boolean> {
    this.#warning = undefined;
    const { command } = await this.#client.query("COMMIT");
    // The server warns when somebody has ended its wait for the standby, and commits all the same.
    // https://www.postgresql.org/docs/current/warm-standby.html#SYNCHRONOUS-REPLICATION
    if (this.#warning !== undefined) throw new Error(this.#warning);
    return command === "COMMIT";
  }

  /** @throws Error when the session is lost: then the server rolls back by itself */
  async rollback(): Promise<void> {
    await this.#client.query("ROLLBACK");
  }

  /** Ends the connection at once; the server rolls back what is open. */
  discard(): void {
    this.#lost ??= new Error("the session was given up");
    this.#client.connection.stream.destroy();
  }

  async close(): Promise<void> {
    if (this.#lost !== undefined) return;
    const patience = setTimeout(() => this.discard(), FAREWELL_MS);
    await this.#client.end();
    clearTimeout(patience);
  }
}
