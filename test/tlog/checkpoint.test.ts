import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatCheckpoint, parseCheckpoint } from "../../src/tlog/checkpoint.ts";
import { NoteError } from "../../src/tlog/note.ts";

/** c2sp.org/tlog-checkpoint. */
const sofa = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
const root = Buffer.from("0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62", "hex");

describe("checkpoints", () => {
  it("are those of c2sp.org/tlog-checkpoint", () => {
    expect(parseCheckpoint(sofa)).toEqual({
      origin: "example.com/behind-the-sofa",
      size: 20_852_163,
      root,
      extensions: [],
    });
    expect(formatCheckpoint({ origin: "example.com/behind-the-sofa", size: 20_852_163, root })).toBe(sofa);
    expect(parseCheckpoint(`${sofa}one\ntwo words\n`).extensions).toEqual(["one", "two words"]);
  });

  it("come back as what they were", () => {
    const checkpoints = fc.record({
      origin: fc.string({ minLength: 1 }).filter((origin) => !origin.includes("\n")),
      size: fc.nat(Number.MAX_SAFE_INTEGER),
      root: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
    });
    fc.assert(
      fc.property(checkpoints, (checkpoint) => {
        expect(parseCheckpoint(formatCheckpoint(checkpoint))).toEqual({ ...checkpoint, extensions: [] });
      }),
    );
  });

  it.each([
    ["nothing", ""],
    ["no lines", "origin"],
    ["no origin", sofa.replace(/^.*\n/, "\n")],
    ["no size", "origin\n\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"],
    ["a size with leading zeroes", sofa.replace("20852163", "020852163")],
    ["a signed size", sofa.replace("20852163", "+20852163")],
    ["a negative size", sofa.replace("20852163", "-1")],
    ["a hexadecimal size", sofa.replace("20852163", "0x10")],
    ["an exponent", sofa.replace("20852163", "1e3")],
    ["a size in other digits", sofa.replace("20852163", "٢")],
    ["a size that no number holds", sofa.replace("20852163", "9007199254740992")],
    ["a size beyond 64 bits", sofa.replace("20852163", "9".repeat(30))],
    ["a size with a space", sofa.replace("20852163", "20852163 ")],
    ["a short root", sofa.replace("CsUYap", "")],
    ["a root without padding", sofa.replace("=", "")],
    ["a root with other last bits", sofa.replace("q2I=", "q2J=")],
    ["a root in URL base64", sofa.replace("om/X", "om_X")],
    ["no newline at the end", sofa.slice(0, -1)],
    ["an empty line at the end", `${sofa}\n`],
    ["an empty extension line", `${sofa}one\n\ntwo\n`],
    ["returns", sofa.replaceAll("\n", "\r\n")],
  ])("are refused with %s", (_, text) => {
    expect(() => parseCheckpoint(text)).toThrow(NoteError);
  });

  it("are not made of what cannot stand in one", () => {
    const good = { origin: "example.com/log", size: 1, root };
    for (const bad of [
      { origin: "" },
      { origin: "a\nb" },
      { size: -1 },
      { size: 0.5 },
      { size: 2 ** 53 },
      { root: root.subarray(1) },
    ])
      expect(() => formatCheckpoint({ ...good, ...bad })).toThrow(NoteError);
  });
});
