import { describe, expect, it } from "vitest";
import { cosignedAt, parseCosigner, parseCosigningKey } from "../../src/tlog/cosignature.ts";
import {
  generateKey,
  NoteError,
  openNote,
  parseSigner,
  parseVerifier,
  signatureLine,
  signNote,
} from "../../src/tlog/note.ts";

/** A head of a public log with the cosignatures of its witnesses, as the log served it in May 2026. */
const arche = {
  log: "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f",
  witness: "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
  note: `arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
`,
};
const text = "example.com/log\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
const witnessKey = generateKey("witness.example.com/w1").signer;
const at = (seconds: number) => parseCosigningKey(witnessKey, () => seconds * 1_000 + 999);

describe("cosignatures of witnesses", () => {
  it("are those of c2sp.org/tlog-cosignature, as a public witness makes them", () => {
    const [log, witness] = [parseVerifier(arche.log), parseCosigner(arche.witness)];
    const opened = openNote(arche.note, [log, witness]);
    expect(opened.verified).toEqual([log, witness]);
    expect(opened.unverified.map(({ name }) => name)).toEqual([
      "arche2025h1.staging.ct.transparency.dev",
      "transparency.dev/DEV:witness-little-garden",
    ]);
    expect(cosignedAt(arche.note, witness)).toBe(0x6a122120 * 1_000);
    expect(() => openNote(arche.note.replace("1432088532", "1432088533"), [witness])).toThrow(NoteError);
  });

  it("verify what the same key has signed, at the time that it said", () => {
    const signer = at(1_679_315_147);
    const witness = parseCosigner(signer.verifier);
    const note = signNote(text, [parseSigner(generateKey("example.com/log").signer), signer]);
    expect(openNote(note, [witness]).verified).toEqual([witness]);
    expect(cosignedAt(note, witness)).toBe(1_679_315_147_000);
    expect(cosignedAt(note.replace(/— witness.*\n/, ""), witness)).toBeUndefined();
    expect(cosignedAt(signNote(text, [at(5), at(9), at(7)]), witness)).toBe(9_000);
  });

  it("hold for no other text, time or key", () => {
    const signer = at(1_000);
    const witness = parseCosigner(signer.verifier);
    const signature = signer.sign(text);
    expect(witness.verify(text, signature)).toBe(true);
    expect(witness.verify(text.replace("7", "8"), signature)).toBe(false);
    expect(witness.verify(`${text}extension\n`, signature)).toBe(false);
    for (let bit = 0; bit < signature.length * 8; bit += 1) {
      const changed = Buffer.from(signature);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(witness.verify(text, changed)).toBe(false);
      expect(() => cosignedAt(`${text}\n${signatureLine(signer, changed)}`, witness)).toThrow(NoteError);
    }
    for (const length of [0, 8, 64, 71, 73]) expect(witness.verify(text, Buffer.alloc(length))).toBe(false);
    // A time must not exceed 2^63 - 1.
    expect(witness.verify(text, at(2 ** 62).sign(text))).toBe(true);
    expect(witness.verify(text, at(2 ** 63).sign(text))).toBe(false);
    expect(
      parseCosigner(parseCosigningKey(generateKey("other").signer, () => 0).verifier).verify(text, signature),
    ).toBe(false);
  });

  it("are no plain signatures, nor the other way round", () => {
    const signer = at(1_000);
    const plain = parseSigner(witnessKey);
    expect(plain.keyId).not.toBe(signer.keyId);
    expect(() => parseVerifier(signer.verifier)).toThrow(NoteError);
    expect(() => parseCosigner(plain.verifier)).toThrow(NoteError);
    expect(() => openNote(signNote(text, [signer]), [parseVerifier(plain.verifier)])).toThrow(NoteError);
    expect(() => openNote(signNote(text, [plain]), [parseCosigner(signer.verifier)])).toThrow(NoteError);
    expect(parseCosigner(signer.verifier).verify(text, plain.sign(text))).toBe(false);
  });
});
