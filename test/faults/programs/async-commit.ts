// A gateway that is wrong on purpose, the double of a control: PostgreSQL acknowledges its commits before they are written
// (https://www.postgresql.org/docs/current/wal-async-commit.html).
import { WriterSession } from "../../../src/audit/postgres/writer-session.ts";

const { open } = WriterSession;

WriterSession.open = async (options) => {
  const session = await open(options);
  await session.ask("SET synchronous_commit = off", []);
  return session;
};

await import("../../../src/main.ts");
