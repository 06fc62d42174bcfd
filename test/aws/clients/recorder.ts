import { connect, createServer } from "node:net";

/** Passes on what it gets, byte for byte, and remembers what the client sent. */
export interface Recorder {
  readonly url: string;
  /** All that clients have sent. */
  recorded(): Buffer;
  close(): void;
}

/** Listens between a client and the server at `url`. */
export async function startRecorder(url: string): Promise<Recorder> {
  const chunks: Buffer[] = [];
  const server = createServer((client) => {
    const upstream = connect(Number(new URL(url).port), "127.0.0.1");
    client.on("data", (chunk) => chunks.push(Buffer.from(chunk)));
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) socket.on("error", () => socket.destroy());
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (typeof address === "object" && address !== null) resolve(address.port);
      else reject(new Error("a listener without a port"));
    });
  });
  return {
    url: `http://127.0.0.1:${port}`,
    recorded: () => Buffer.concat(chunks),
    close: () => void server.close(),
  };
}
