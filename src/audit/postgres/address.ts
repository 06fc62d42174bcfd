import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { ConnectionOptions } from "node:tls";
import { isLoopbackHost } from "../../authn/ip-address.ts";
import { LockkeeperError } from "../../errors.ts";

/** Where a PostgreSQL is and how to get in. */
export interface PostgresAddress {
  /** `postgres://user@host:5432/database`, without a password; `?sslmode=disable` allows plain text to another machine. */
  readonly url: string;
  /** File with the password; read at each connection, so that it can be replaced. */
  readonly passwordFile?: string | undefined;
  /** Certificates (PEM) under which the server's is believed; default: those of Node.js. */
  readonly caFile?: string | undefined;
}

/** An address taken apart. Complete, so that none of libpq's variables (PGHOST, PGPASSWORD, …) has a say. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly ssl: ConnectionOptions | false;
  password(): Promise<string>;
}

/**
 * Takes an address apart. The connection is encrypted and the server's name checked unless it is on this machine or the
 * URL says `sslmode=disable`: the modes between these two encrypt for whoever answers.
 * @throws LockkeeperError `configuration`; its message has nothing of the URL, somebody may have put a password there
 */
export function endpointOf({ url: text, passwordFile, caFile }: PostgresAddress): Endpoint {
  const url = URL.parse(text);
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) throw misconfigured("url is no postgres:// URL");
  if (url.password !== "") throw misconfigured("url has a password: put that into a file and name it in passwordFile");
  const [user, host, database] = [url.username, url.hostname, url.pathname.slice(1)].map(decoded);
  if (!user || !host || !database) throw misconfigured("url needs a user, a host and a database");
  const { sslmode, ...others } = Object.fromEntries(url.searchParams);
  if (Object.keys(others).length > 0) throw misconfigured("url has a parameter other than sslmode");
  return {
    // An IPv6 address stands in brackets there.
    host: host.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port || 5432),
    user,
    database,
    ssl: tlsOf(host, sslmode, caFile),
    password: async () => {
      if (passwordFile === undefined)
        throw misconfigured("the server asks for a password: name its file in passwordFile");
      return (await readFile(passwordFile, "utf8")).trim();
    },
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw misconfigured("url is no postgres:// URL: it has a broken escape");
  }
}

function tlsOf(host: string, mode: string | undefined, caFile: string | undefined): ConnectionOptions | false {
  if (mode !== undefined && mode !== "disable" && mode !== "verify-full") {
    throw misconfigured("sslmode can be verify-full, or disable: the other modes do not check who answers");
  }
  if (mode === "disable" && caFile !== undefined) throw misconfigured("caFile is of no use with sslmode=disable");
  // A path is the folder of a Unix socket.
  const isLocal = host.startsWith("/") || isLoopbackHost(host);
  if (mode === "disable" || (mode === undefined && caFile === undefined && isLocal)) return false;
  try {
    return { rejectUnauthorized: true, ...(caFile !== undefined && { ca: readFileSync(caFile, "utf8") }) };
  } catch (cause) {
    throw misconfigured(`caFile ${caFile} cannot be read`, cause);
  }
}

function misconfigured(why: string, cause?: unknown): LockkeeperError {
  return new LockkeeperError("configuration", `The setting postgres cannot be used: ${why}.`, {}, { cause });
}
