import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parseCheckpoint } from "../../../src/tlog/checkpoint.ts";
import { parseCosigningKey } from "../../../src/tlog/cosignature.ts";
import { generateKey, NoteError, openNote, parseVerifier, signatureLine } from "../../../src/tlog/note.ts";
import { verifyConsistency } from "../../../src/tlog/proof.ts";

interface Cosigned {
  readonly size: number;
  readonly root: Buffer;
}

/** A reply as it leaves; tests may put another in its place. */
export interface WitnessReply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** A witness of c2sp.org/tlog-witness in this process, which does what the specification says and nothing else. */
export class StrictWitness {
  readonly vkey: string;
  /** What it was asked: the old size and the checkpoint's size of each request. */
  readonly asked: { old: number; size: number }[] = [];
  /** Takes the place of a reply when it returns another. */
  tamper: (reply: WitnessReply) => WitnessReply = (reply) => reply;
  readonly #cosigner;
  readonly #logs = new Map<string, readonly string[]>();
  readonly #seen = new Map<string, Cosigned>();
  readonly #server: Server;

  private constructor(now: () => number) {
    this.#cosigner = parseCosigningKey(generateKey("witness.example/w1").signer, now);
    this.vkey = this.#cosigner.verifier;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(now: () => number = Date.now): Promise<StrictWitness> {
    const witness = new StrictWitness(now);
    await new Promise<void>((resolve) => witness.#server.listen(0, "127.0.0.1", resolve));
    return witness;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What it has cosigned last of a log. */
  seen(origin: string): number {
    return this.#seen.get(origin)?.size ?? 0;
  }

  /** Its operator is told of a log. */
  trust(origin: string, vkeys: readonly string[]): void {
    this.#logs.set(origin, vkeys);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const isCall = request.method === "POST" && request.url === "/add-checkpoint";
    const reply = this.tamper(
      isCall
        ? this.#addCheckpoint(Buffer.concat(chunks).toString("utf8"))
        : { status: 404, type: "text/plain", body: "" },
    );
    response.writeHead(reply.status, { "content-type": reply.type }).end(reply.body);
  }

  #addCheckpoint(body: string): WitnessReply {
    const plain = (status: number) => ({ status, type: "text/plain", body: "" });
    const [head = "", ...rest] = body.split("\n\n");
    const note = rest.join("\n\n");
    const [first = "", ...proof] = head.split("\n");
    const [, oldText] = /^old (0|[1-9][0-9]*)$/.exec(first) ?? [];
    if (oldText === undefined || proof.length > 63) return plain(400);
    const old = Number(oldText);

    const vkeys = this.#logs.get(note.slice(0, note.indexOf("\n")));
    if (vkeys === undefined) return plain(404);
    let text: string;
    try {
      ({ text } = openNote(note, vkeys.map(parseVerifier)));
    } catch (error) {
      if (!(error instanceof NoteError)) throw error;
      return plain(403);
    }
    const { origin, size, root } = parseCheckpoint(text);
    this.asked.push({ old, size });
    if (old > size) return plain(400);
    const seen = this.#seen.get(origin) ?? { size: 0, root: undefined };
    if (old !== seen.size) return { status: 409, type: "text/x.tlog.size", body: `${seen.size}\n` };
    const continues =
      seen.root === undefined
        ? proof.length === 0
        : verifyConsistency({
            from: old,
            fromRoot: seen.root,
            to: size,
            toRoot: root,
            proof: proof.map((line) => Buffer.from(line, "base64")),
          });
    if (!continues) return plain(422);
    this.#seen.set(origin, { size, root });
    return { status: 200, type: "text/plain", body: signatureLine(this.#cosigner, this.#cosigner.sign(text)) };
  }
}
