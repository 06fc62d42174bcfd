import { type AddressInfo, createServer, type Socket, connect as tcp } from "node:net";

/** Where a connection is cut: after so many bytes of a COMMIT, or of the answer to it. */
export interface Cut {
  readonly in: "request" | "answer";
  readonly after: number;
  /** COMMITs that are let through before. */
  readonly skip: number;
}

export interface CutProxy {
  readonly port: number;
  /** One cut, at the next COMMIT for which it is meant. */
  arm(cut: Cut): void;
  /** Connections that were cut. */
  cuts(): number;
  close(): Promise<void>;
}

// https://www.postgresql.org/docs/current/protocol-message-formats.html: Query; CommandComplete, then ReadyForQuery.
const REQUEST = Buffer.from("Q\0\0\0\x0bCOMMIT\0", "latin1");
const ANSWER = Buffer.from("C\0\0\0\x0bCOMMIT\0", "latin1");
export const REQUEST_BYTES = REQUEST.length;
export const ANSWER_BYTES = ANSWER.length + 6;

/** Stands between gateways and a PostgreSQL, and cuts a connection at the very byte. */
export async function cutProxy(target: { readonly host: string; readonly port: number }): Promise<CutProxy> {
  const sockets = new Set<Socket>();
  let armed: Cut | undefined;
  let cuts = 0;

  const server = createServer((client) => {
    const upstream = tcp(target.port, target.host);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => sockets.delete(socket));
    }
    /** Set when the answer is to be cut: what has come of it until then. */
    let answered: Buffer | undefined;
    let answerBytes = 0;
    const cut = () => {
      cuts += 1;
      client.destroy();
      upstream.end();
    };
    client.on("data", (chunk: Buffer) => {
      // node-postgres writes each message in one piece.
      const at = armed === undefined ? -1 : chunk.indexOf(REQUEST);
      if (at < 0 || armed === undefined) return void upstream.write(chunk);
      if (armed.skip > 0) {
        armed = { ...armed, skip: armed.skip - 1 };
        return void upstream.write(chunk);
      }
      const { in: place, after } = armed;
      armed = undefined;
      if (place === "request") {
        upstream.write(chunk.subarray(0, at + after));
        cut();
      } else {
        answered = Buffer.alloc(0);
        answerBytes = after;
        upstream.write(chunk);
      }
    });
    upstream.on("data", (chunk: Buffer) => {
      if (answered === undefined) return void client.write(chunk);
      answered = Buffer.concat([answered, chunk]);
      const at = answered.indexOf(ANSWER);
      if (at < 0 || answered.length < at + ANSWER_BYTES) return;
      client.write(answered.subarray(0, at + answerBytes), cut);
    });
    upstream.on("close", () => client.destroy());
    client.on("end", () => upstream.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    arm(next) {
      armed = next;
    },
    cuts: () => cuts,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
