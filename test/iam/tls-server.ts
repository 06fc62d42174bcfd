import { readFileSync } from "node:fs";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

const tlsFile = (name: string) => readFileSync(new URL(`../fixture/tls/${name}`, import.meta.url), "utf8");
/** Of the server that {@link serveTls} starts; whoever calls it must trust it. */
export const certificate = tlsFile("cert.pem");

const applied = `<UpdateAccessKeyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></UpdateAccessKeyResponse>`;

/**
 * An IAM over TLS that applies everything, behind a wire that can be held up.
 * @param beforeHandshake awaited for each connection when its first bytes have come in, the ClientHello, before they go on
 */
export async function serveTls(beforeHandshake: () => Promise<void>) {
  let requests = 0;
  const server = createHttpsServer({ cert: certificate, key: tlsFile("key.pem") }, (request, response) => {
    requests += 1;
    request.resume().once("end", () => response.writeHead(200, { "x-amzn-requestid": "r-1" }).end(applied));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const sockets = new Set<Socket>();
  const wire = createServer((client) => {
    const behind = connect((server.address() as AddressInfo).port, "127.0.0.1");
    for (const socket of [client, behind]) {
      sockets.add(socket);
      socket.once("error", () => socket.destroy()).once("close", () => sockets.delete(socket));
    }
    client.once("data", async (hello) => {
      client.pause();
      await beforeHandshake();
      behind.write(hello);
      client.pipe(behind).pipe(client);
    });
  });
  await new Promise<void>((resolve) => wire.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    await Promise.all([wire, server].map((one) => new Promise((resolve) => one.close(resolve))));
  });
  return { url: `https://127.0.0.1:${(wire.address() as AddressInfo).port}`, requests: () => requests };
}
