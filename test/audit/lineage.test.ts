import { describe, expect, it } from "vitest";
import { keysUnder, lineageOf, originAfter } from "../../src/audit/lineage.ts";
import { generateKey, openNote, parseSigner, parseVerifier, signNote } from "../../src/tlog/note.ts";

const origin = "example.org/log";

describe("the logs that follow one another", () => {
  it("are told apart by the end of their origins", () => {
    expect(lineageOf(origin)).toEqual({ base: origin, recovery: 0 });
    expect(originAfter(origin, 0)).toBe(origin);
    expect(originAfter(origin, 12)).toBe("example.org/log/recovered-12");
    expect(lineageOf("example.org/log/recovered-12")).toEqual({ base: origin, recovery: 12 });
    expect(lineageOf("example.org/log/recovered-0")).toEqual({ base: "example.org/log/recovered-0", recovery: 0 });
  });

  it("sign with the same key material under names of their own", () => {
    const keys = Array.from({ length: 50 }, () => generateKey(origin));
    for (const { signer, verifier } of keys) {
      const configured = { origin, signingKey: signer, trustedKeys: [verifier] };
      const renamed = keysUnder(configured, "example.org/log/recovered-1");
      const [vkey = ""] = renamed?.trustedKeys ?? [];
      const own = parseSigner(renamed?.signingKey ?? "");
      expect(own.verifier).toBe(vkey);
      expect(own.name).toBe("example.org/log/recovered-1");
      expect(openNote(signNote("text\n", [own]), [parseVerifier(vkey)]).text).toBe("text\n");
      // The key material stays: who has the public key of the first log can make out that of the next one.
      expect(vkey.split("+").slice(2)).toEqual(verifier.split("+").slice(2));
      expect(vkey.split("+")[1]).not.toBe(verifier.split("+")[1]);
    }
  });

  it("leave keys of other names as they are, and know nothing of other logs", () => {
    const former = generateKey("example.org/former").verifier;
    const { signer, verifier } = generateKey(origin);
    const keys = { origin, signingKey: signer, trustedKeys: [verifier, former] };
    expect(keysUnder(keys, origin)).toBe(keys);
    expect(keysUnder(keys, `${origin}/recovered-1`)?.trustedKeys[1]).toBe(former);
    expect(keysUnder(keys, "example.org/other")).toBeUndefined();
    expect(keysUnder(keys, "example.org/other/recovered-1")).toBeUndefined();
  });
});
