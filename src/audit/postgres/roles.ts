import pg from "pg";
import { reasonOf, roleName, sqlState } from "./session.ts";

/** Roles of the whole server: who may do what to the log of one schema. */
const roles = ["writer", "pruner", "reader"] as const;

/** What each role may do. Nobody but the tables' owner may change or delete what was appended. */
const grants: Readonly<Record<(typeof roles)[number], readonly string[]>> = {
  writer: [
    "SELECT ON ALL TABLES IN SCHEMA $schema",
    "INSERT ON $schema.settings, $schema.records, $schema.nodes, $schema.checkpoints, $schema.keys",
    "UPDATE ON $schema.head",
    "INSERT, UPDATE ON $schema.spans, $schema.changes, $schema.api_keys",
    "INSERT, UPDATE, DELETE ON $schema.inflight, $schema.idempotency, $schema.signatures, $schema.leases",
  ],
  pruner: [
    "SELECT ON $schema.settings, $schema.records, $schema.changes, $schema.inflight, $schema.idempotency",
    "UPDATE (body) ON $schema.records",
    "DELETE ON $schema.changes",
  ],
  reader: ["SELECT ON ALL TABLES IN SCHEMA $schema"],
};

/** Whether the roles are there and may use the schema. A copy of a database on another server comes without them. */
export async function rolesComplete(client: pg.ClientBase, schema: string): Promise<boolean> {
  const { rows } = await client.query<{ complete: boolean }>(
    `SELECT count(*) = $2 AS complete FROM pg_roles
     WHERE rolname = ANY ($1::text[]) AND has_schema_privilege(oid, $3, 'USAGE')`,
    [roles.map((role) => roleName(schema, role)), roles.length, schema],
  );
  return rows[0]?.complete === true;
}

/**
 * Makes the roles that are missing, lets the session's login take them on, and grants what each may do.
 * @throws Error with the statements for an administrator when this login may not
 */
export async function createRoles(client: pg.ClientBase, schema: string): Promise<void> {
  for (const role of roles) {
    const name = pg.escapeIdentifier(roleName(schema, role));
    const { rows } = await client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [roleName(schema, role)]);
    if (rows.length === 0) await createRole(client, schema, name);
    const privileges = ["USAGE ON SCHEMA $schema", ...grants[role]];
    for (const privilege of privileges) {
      await client.query(`GRANT ${privilege.replaceAll("$schema", pg.escapeIdentifier(schema))} TO ${name}`);
    }
  }
}

async function createRole(client: pg.ClientBase, schema: string, name: string): Promise<void> {
  const { rows } = await client.query<{ login: string }>("SELECT quote_ident(session_user) AS login");
  try {
    await client.query(`CREATE ROLE ${name} NOLOGIN`);
    // Whoever creates a role may give it to others, but has not got it (from PostgreSQL 16 on).
    await client.query(`GRANT ${name} TO SESSION_USER`);
  } catch (cause) {
    if (sqlState(cause) !== "42501") throw cause;
    const names = roles.map((role) => pg.escapeIdentifier(roleName(schema, role)));
    const statements = [
      ...names.map((one) => `CREATE ROLE ${one} NOLOGIN;`),
      `GRANT ${names.join(", ")} TO ${rows[0]?.login};`,
    ];
    throw new Error(
      `its login may not create roles (${reasonOf(cause)}). Let an administrator run: ${statements.join(" ")}`,
      { cause },
    );
  }
}
