import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parseCosigningKey } from "../../src/tlog/cosignature.ts";
import { generateKey } from "../../src/tlog/note.ts";
import { realLog } from "../audit/verify/real-log.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { testKey } from "../fixture/log-keys.ts";
import { smallLog } from "../tlog/small-log.ts";
import { buildSecondImplementation, secondOpinion } from "./go.ts";

const folder = dataFolder();
afterAll(() => folder.remove());
const binary = join(folder.path, "second-implementation");
const missing = buildSecondImplementation(binary);
if (missing !== undefined) console.warn(`SKIPPED: the second implementation cannot be built here: ${missing}`);

let files = 0;
const put = (content: string | Uint8Array) => {
  files += 1;
  const file = join(folder.path, `file-${files}`);
  writeFileSync(file, content);
  return file;
};
const keysFile = (...keys: string[]) => put(keys.map((key) => `${key}\n`).join(""));
/** This content with one bit changed, at every bit that there is. */
function* bitFlips(content: string): Generator<Buffer> {
  const bytes = Buffer.from(content);
  for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    yield changed;
  }
}

describe.skipIf(missing !== undefined)("Go's golang.org/x/mod/sumdb/note and tlog", () => {
  const entries = Array.from({ length: 300 }, (_, index) => JSON.stringify({ index, name: "Łukasz \u2028" }));
  const log = smallLog(entries);
  const keys = keysFile(log.vkey);
  const receipts = (...contents: (string | Uint8Array)[]) => secondOpinion(binary, "receipt", keys, contents.map(put));

  it("verify every receipt of a log", () => {
    const said = receipts(...entries.map((_, index) => log.proof(index)));
    const sizes = entries.map((entry) => Buffer.byteLength(entry));
    expect(said).toEqual(sizes.map((size, index) => `ok: record ${index} of 300 in example.com/log, ${size} bytes`));
  });

  it("verify every receipt that the store has given", async () => {
    const real = await realLog();
    real.remove();
    expect(real.receipts.size).toBeGreaterThan(290);
    const said = secondOpinion(binary, "receipt", keysFile(testKey.verifier), [...real.receipts.values()].map(put));
    for (const [at, index] of [...real.receipts.keys()].entries())
      expect(said[at]).toMatch(new RegExp(`^ok: record ${index} of [0-9]+ in lockkeeper\\.test/log, [0-9]+ bytes$`));
  });

  it("verify a receipt with a witness's cosignature, and under a former key", () => {
    const witness = parseCosigningKey(generateKey("witness.example.com/w1").signer, () => 1_700_000_000_000);
    expect(receipts(log.proof(7, { note: log.checkpoint([log.signer, witness]) }))[0]).toMatch(/^ok: record 7 of 300/);
    const both = keysFile(generateKey(log.origin).verifier, log.vkey);
    expect(secondOpinion(binary, "receipt", both, [put(log.proof(7))])[0]).toMatch(/^ok/);
  });

  it("do not verify a receipt with a bit changed anywhere in it", () => {
    for (const said of receipts(...bitFlips(log.proof(255)))) expect(said).toMatch(/^WRONG: /);
  });

  it("do not verify a receipt of another record, index, key or log", () => {
    const other = smallLog(entries, { origin: "example.com/other" });
    for (const said of receipts(
      log.proof(7, { extra: entries[8] }),
      log.proof(7).replace("index 7", "index 8"),
      log.proof(7, { extra: null }),
      smallLog(entries).proof(7),
      other.proof(7),
      log.proof(7, { note: log.checkpoint([log.signer], "example.com/other") }),
      "",
    ))
      expect(said).toMatch(/^WRONG: /);
  });
});
