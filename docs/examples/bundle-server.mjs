// Publishes the bundles in a folder, for trying things out: any web server that sends an ETag does.
//   node docs/examples/bundle-server.mjs FOLDER PORT
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { basename, join } from "node:path";

const [folder = "public", port = "8099"] = process.argv.slice(2);
createServer(async (request, response) => {
  // The file's name only: nothing outside the folder is published.
  const name = basename(new URL(request.url ?? "/", "http://127.0.0.1").pathname);
  const bundle = await readFile(join(folder, name)).catch(() => undefined);
  if (bundle === undefined) return response.writeHead(404).end();
  const etag = `"${createHash("sha256").update(bundle).digest("hex")}"`;
  if (request.headers["if-none-match"] === etag) return response.writeHead(304).end();
  response.writeHead(200, { etag, "content-type": "application/gzip" }).end(bundle);
}).listen(Number(port), "127.0.0.1", () => process.stdout.write(`bundles of ${folder} on http://127.0.0.1:${port}/\n`));
