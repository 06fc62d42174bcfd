import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseCosigner, parseCosigningKey } from "../../src/tlog/cosignature.ts";
import { generateKey, NoteError, type NoteSigner, parseSigner, parseVerifier } from "../../src/tlog/note.ts";
import { formatProof, parseProof, verifyProof } from "../../src/tlog/tlog-proof.ts";
import { smallLog } from "./small-log.ts";
import { hex } from "./tree.ts";

const origin = "example.com/log";
const entry = (index: number) => Buffer.from(`{"record":${index},"name":"Łukasz"}`);
const log = smallLog(Array.from({ length: 11 }, (_, index) => entry(index).toString()));
const verifiers = [log.verifier];
const signedBy = (index: number, signers: readonly NoteSigner[], name = origin) =>
  log.proof(index, { note: log.checkpoint(signers, name) });

/** c2sp.org/tlog-proof, with its shortened signatures left out and its extra data made to be base64. */
const published = `c2sp.org/tlog-proof@v1
extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=

example.com/fancylog
109482
sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

`;

describe("tlog-proofs", () => {
  it("are written as c2sp.org/tlog-proof writes them", () => {
    const parsed = parseProof(published);
    expect(parsed).toMatchObject({ index: 73_894, extra: Buffer.from("age-v1.2.1-darwin-arm64.tar.gz") });
    expect(hex(parsed.proof)[0]).toBe("8122b25e861952067a8ddb9662b9033804629ce30626f7978e032405371d3e54");
    expect(parsed.checkpoint).toMatch(/^example\.com\/fancylog\n109482\nsFod/);
    expect(formatProof(parsed)).toBe(published);
    const { extra: _, ...bare } = parsed;
    expect(formatProof(bare)).toBe(published.replace(/^extra.*\n/m, ""));
    expect(parseProof("c2sp.org/tlog-proof@v1\nindex 0\n\ncheckpoint\n")).toEqual({
      index: 0,
      proof: [],
      checkpoint: "checkpoint\n",
    });
  });

  it("prove their entry with the log's public key alone", () => {
    for (let index = 0; index < 11; index += 1) {
      const verified = verifyProof(log.proof(index), { verifiers });
      expect(verified).toMatchObject({ origin, index, size: 11, entry: entry(index), signers: verifiers });
    }
    const alone = smallLog(["only"]);
    expect(verifyProof(alone.proof(0), { verifiers: [alone.verifier] })).toMatchObject({ index: 0, size: 1 });
  });

  it("prove an entry that is given beside them, whatever their extra data says", () => {
    const { extra: _, ...bare } = parseProof(log.proof(3));
    const text = formatProof(bare);
    expect(verifyProof(text, { verifiers, entry: entry(3) }).entry).toEqual(entry(3));
    expect(() => verifyProof(text, { verifiers, entry: entry(4) })).toThrow(/The entry is not at this index/);
    expect(() => verifyProof(text, { verifiers })).toThrow(/does not carry its entry/);
    const lying = formatProof({ ...bare, extra: entry(4) });
    expect(verifyProof(lying, { verifiers, entry: entry(3) }).entry).toEqual(entry(3));
    expect(() => verifyProof(lying, { verifiers })).toThrow(/The entry is not at this index/);
  });

  it("prove nothing with any single bit changed", () => {
    const text = Buffer.from(log.proof(6));
    expect(verifyProof(text.toString(), { verifiers }).index).toBe(6);
    for (let bit = 0; bit < text.length * 8; bit += 1) {
      const changed = Buffer.from(text);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => verifyProof(changed.toString("utf8"), { verifiers })).toThrow(NoteError);
    }
  });

  it("prove nothing under another key, of another log, or for another index", () => {
    const other = parseVerifier(generateKey(origin).verifier);
    expect(() => verifyProof(log.proof(6), { verifiers: [other] })).toThrow(/None of the known keys/);
    const stranger = parseSigner(generateKey("example.org/other").signer);
    const both = [...verifiers, parseVerifier(stranger.verifier)];
    // The stranger's key is known, but not for this origin; and the log's own key speaks for its own origin only.
    expect(() => verifyProof(signedBy(6, [stranger]), { verifiers: both })).toThrow(/of another log/);
    expect(() => verifyProof(signedBy(6, [log.signer], "example.org/other"), { verifiers })).toThrow(/of another log/);
    const text = log.proof(6);
    for (let index = 0; index < 11; index += 1)
      if (index !== 6)
        expect(() => verifyProof(text.replace("index 6", `index ${index}`), { verifiers })).toThrow(NoteError);
  });

  it("prove it after the key was changed, under the old one", () => {
    const next = parseSigner(generateKey(origin).signer);
    const known = [next, log.signer].map(({ verifier }) => parseVerifier(verifier));
    expect(verifyProof(log.proof(2), { verifiers: known }).signers).toEqual([known[1]]);
    expect(verifyProof(signedBy(2, [next]), { verifiers: known }).signers).toEqual([known[0]]);
  });

  it("carry the cosignatures of witnesses, which must be good when the witness is known", () => {
    const witness = parseCosigningKey(generateKey("witness.example.com/w1").signer, () => 1_700_000_000_000);
    const known = [...verifiers, parseCosigner(witness.verifier)];
    const text = signedBy(2, [log.signer, witness]);
    expect(verifyProof(text, { verifiers: known }).signers).toEqual(known);
    expect(verifyProof(text, { verifiers }).signers).toEqual(verifiers);
    // A witness alone does not make a log.
    expect(() => verifyProof(signedBy(2, [witness]), { verifiers: known })).toThrow(/of another log/);
    const forged = { ...witness, sign: () => Buffer.alloc(72) };
    expect(() => verifyProof(signedBy(2, [log.signer, forged]), { verifiers: known })).toThrow(
      /signature under a known/,
    );
  });

  it.each([
    ["nothing", ""],
    ["another first line", published.replace("@v1", "@v2")],
    ["a space before it", ` ${published}`],
    ["no index", published.replace(/^index.*\n/m, "")],
    ["extra data behind the index", published.replace(/^(extra.*\n)(index.*\n)/m, "$2$1")],
    ["two lines of extra data", published.replace(/^(extra.*\n)/m, "$1$1")],
    ["extra data that is not base64", published.replace("YWdl", "YW!l")],
    ["extra data without its padding", published.replace(/^extra.*$/m, "extra YWdlLQ")],
    ["an index with leading zeroes", published.replace("index 73894", "index 073894")],
    ["a negative index", published.replace("index 73894", "index -1")],
    ["an index with a space", published.replace("index 73894", "index 73894 ")],
    ["an index beyond 2^53", published.replace("index 73894", "index 9007199254740993")],
    ["an index beyond 2^64", published.replace("index 73894", `index ${"9".repeat(30)}`)],
    ["a short hash", published.replace("gSKyXoYZUgZ6jduW", "gSKyXoYZUgZ6")],
    ["a hash that is not base64", published.replace("gSKy", "gS-y")],
    ["a hash with other last bits", published.replace("cdPlQ=", "cdPlR=")],
    ["a long hash", published.replace("gSKyXoYZUgZ6", "gSKyXoYZUgZ6gSKyXoYZUgZ6")],
    ["too many hashes", published.replace(/^(gSKy.*\n)/m, "$1".repeat(60))],
    ["no empty line", published.replaceAll(/\n\n/g, "\n")],
    ["returns", published.replaceAll("\n", "\r\n")],
    ["more than anybody needs", published.replace("YWdl", "YWdl".repeat(400_000))],
  ])("are refused with %s", (_, text) => {
    expect(() => parseProof(text)).toThrow(NoteError);
  });

  it("never end in another error, whatever they hold", () => {
    const good = log.proof(6).split("\n");
    const line = fc.oneof(fc.constantFrom(...good, ...published.split("\n")), fc.string({ unit: "binary" }));
    const edits = fc.tuple(fc.nat(good.length), fc.nat(2), fc.array(line, { maxLength: 2 }));
    fc.assert(
      fc.property(edits, ([at, removed, added]) => {
        const text = good.toSpliced(at, removed, ...added).join("\n");
        try {
          // More signatures do no harm; anything else that is accepted is the same proof.
          const verified = verifyProof(text, { verifiers });
          expect(verified).toMatchObject({ index: 6, size: 11, entry: entry(6) });
        } catch (error) {
          if (!(error instanceof NoteError)) throw error;
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
