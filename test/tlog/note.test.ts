import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  generateKey,
  NoteError,
  openNote,
  parseSigner,
  parseVerifier,
  signNote,
  splitNote,
} from "../../src/tlog/note.ts";

/** c2sp.org/signed-note, "Example". */
const c2sp = {
  vkey: "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
  note: "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n",
};
/** golang.org/x/mod/sumdb/note, note_test.go. */
const peter = {
  skey: "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz",
  vkey: "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
  line: "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
};
const enoch = {
  vkey: "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",
  line: "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n",
};
const text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const [peterVerifier, enochVerifier] = [parseVerifier(peter.vkey), parseVerifier(enoch.vkey)];
const opening = (note: string, verifiers = [peterVerifier, enochVerifier]) => openNote(note, verifiers);
/** The message of the NoteError; anything else fails. */
const fault = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(NoteError);
    return error instanceof NoteError ? error.message : "";
  }
  throw new Error("it was accepted");
};

describe("signed notes", () => {
  it("are those of c2sp.org/signed-note", () => {
    const opened = openNote(c2sp.note, [parseVerifier(c2sp.vkey)]);
    expect(opened.text).toBe("This is an example message.\n");
    expect(opened.verified.map(({ vkey }) => vkey)).toEqual([c2sp.vkey]);
    expect(opened.unverified).toEqual([]);
  });

  it("are those of Go's note package, signed and read", () => {
    const signer = parseSigner(peter.skey);
    expect(signer).toMatchObject({ name: "PeterNeumann", keyId: 0xc74f20a3, verifier: peter.vkey });
    expect(signNote(text, [signer])).toBe(`${text}\n${peter.line}`);
    expect(opening(`${text}\n${peter.line}${enoch.line}`).verified).toEqual([peterVerifier, enochVerifier]);
    const one = opening(`${text}\n${peter.line}${enoch.line}`, [peterVerifier]);
    expect(one.verified).toEqual([peterVerifier]);
    expect(one.unverified).toMatchObject([{ name: "EnochRoot", keyId: 0xaf0cfe78 }]);
  });

  it("are those of a log that the world uses", () => {
    // sum.golang.org, as transparency-dev/formats has it in log/note_test.go.
    const head =
      "go.sum database tree\n6476701\nmb8QLQIs0Z0yP5Cstq6guj87oXWeC9gEM8oVikmm9Wk=\n\n— sum.golang.org Az3grsLX85Gz+s1SiTbgkuqxgItqFq7gsMUEyVnrsa9LM7Us9S+1xbFIGu95949rj4nPRYfvimWEPWL+o3GeoWwOoAw=\n";
    const key = parseVerifier("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8");
    expect(openNote(head, [key]).verified).toEqual([key]);
  });

  it("keep empty lines in their text, and end it at the last one", () => {
    const { signer, verifier } = generateKey("example.com/log");
    for (const each of ["\n", "\n\n", "a\n\nb\n", `${text}\n${peter.line}`, "ending in an empty line\n\n"]) {
      const note = signNote(each, [parseSigner(signer)]);
      expect(openNote(note, [parseVerifier(verifier)]).text).toBe(each);
    }
  });

  it("are refused when no known key has signed, or a known key's signature is wrong", () => {
    const signed = `${text}\n${peter.line}`;
    expect(fault(() => opening(signed, []))).toMatch(/None of the known keys/);
    expect(fault(() => opening(signed, [enochVerifier]))).toMatch(/None of the known keys/);
    expect(fault(() => opening(signed.replace("think", "thunk")))).toMatch(/signature under a known key is wrong/);
    // A good signature does not make up for a wrong one.
    const bad = enoch.line.replace("rwz+eBzm", "rwz+eBzn");
    expect(fault(() => opening(`${text}\n${peter.line}${bad}`))).toMatch(/signature under a known key is wrong/);
    // Of a key that is not known it means nothing.
    expect(opening(`${text}\n${peter.line}${bad}`, [peterVerifier]).unverified).toHaveLength(1);
    // A known name with another id, and a known id with another name, are unknown keys.
    expect(fault(() => opening(signed.replace("x08g", "xxxx")))).toMatch(/None of the known keys/);
    expect(fault(() => opening(signed.replace("— PeterNeumann", "— CarmenSandiego")))).toMatch(/None of the known/);
    for (const length of [0, 1, 63, 65]) {
      const data = Buffer.concat([Buffer.from("c74f20a3", "hex"), Buffer.alloc(length, 7)]).toString("base64");
      fault(() => opening(`${text}\n— PeterNeumann ${data}\n`));
    }
  });

  it("are refused with any single bit changed", () => {
    const note = Buffer.from(c2sp.note);
    const key = parseVerifier(c2sp.vkey);
    for (let bit = 0; bit < note.length * 8; bit += 1) {
      const changed = Buffer.from(note);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      fault(() => openNote(changed.toString("utf8"), [key]));
    }
  });

  it("are refused when they are malformed", () => {
    for (const note of [
      "",
      "\n",
      "\n\n",
      text,
      `${text}\n`,
      `${text}\n${peter.line.slice(0, -1)}`,
      `\u0001${text}\n${peter.line}`,
      `${text}\r\n${peter.line}`,
      `\ud800${text}\n${peter.line}`,
      `${text}\n${peter.line}Unexpected line.\n`,
      `${text}\n${peter.line}\n`,
      `${text}\n— Bad Name x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`,
      `${text}\n${peter.line}— a+b AAAAAAA=\n`,
      `${text}\n${peter.line}— a\u00a0b AAAAAAA=\n`,
      `${text}\n${peter.line}— a\u2028b AAAAAAA=\n`,
      `${text}\n${peter.line}—  AAAAAAA=\n`,
      `${text}\n${peter.line}— name AAAAAA==\n`,
      `${text}\n${peter.line}— name AAAA\n`,
      `${text}\n${peter.line}— name \n`,
      `${text}\n${peter.line}— name\n`,
      `${text}\n${peter.line}— name AAAAAAA\n`,
      `${text}\n${peter.line}— name AAAAAAB=\n`,
      `${text}\n${peter.line}— name AAAA_-A=\n`,
      `${text}\n${peter.line}- name AAAAAAA=\n`,
      `${text}\n${peter.line}\u2014\u00a0name AAAAAAA=\n`,
    ])
      expect(fault(() => opening(note))).not.toMatch(/known key/);
    // This one is well-formed but for what each of them breaks.
    expect(opening(`${text}\n${peter.line}— name AAAAAAA=\n`).unverified).toHaveLength(1);
  });

  it("are bounded, in length and in signatures", () => {
    expect(opening(`${text}\n${peter.line.repeat(100)}`).verified).toEqual([peterVerifier]);
    expect(fault(() => opening(`${text}\n${peter.line.repeat(101)}`))).toMatch(/too many signatures/);
    expect(fault(() => opening(`${"a".repeat(1_000_000)}\n\n${peter.line}`))).toMatch(/too long/);
  });

  it("are refused when two known keys cannot be told apart", () => {
    const twin = { ...enochVerifier, name: "PeterNeumann", keyId: peterVerifier.keyId };
    expect(fault(() => opening(`${text}\n${peter.line}`, [peterVerifier, twin]))).toMatch(/same name and id/);
    expect(opening(`${text}\n${peter.line}`, [peterVerifier, peterVerifier]).verified).toEqual([peterVerifier]);
  });

  it("never end in another error, whatever they hold", () => {
    const piece = fc.constantFrom(
      "\n",
      "\n\n",
      "— ",
      "PeterNeumann",
      " ",
      "x08g",
      "+",
      "=",
      text,
      peter.line,
      "\u0000",
      "é",
    );
    const anything = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(piece).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(anything, (note) => {
        try {
          opening(note);
          expect(note).toContain(peter.line);
        } catch (error) {
          if (!(error instanceof NoteError)) throw error;
        }
      }),
    );
  });

  it("are made of texts only that can be read again", () => {
    const signer = parseSigner(peter.skey);
    for (const bad of ["", "abc", "tab\t\n", "nul\u0000\n", "return\r\n", "\ud800\n"])
      expect(fault(() => signNote(bad, [signer]))).toMatch(/The text of a note/);
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }).filter((words) => !/\p{Cc}/u.test(words)),
        (words) => {
          expect(opening(signNote(`${words}\n`, [signer])).text).toBe(`${words}\n`);
        },
      ),
    );
    expect(splitNote(signNote("a\n", [signer, signer])).signatures).toHaveLength(2);
  });
});

describe("keys of notes", () => {
  it("are made in pairs that know each other", () => {
    const { signer, verifier } = generateKey("EnochRoot");
    expect(signer).toMatch(/^PRIVATE\+KEY\+EnochRoot\+[0-9a-f]{8}\+A[A-Za-z0-9+/]{43}$/);
    expect(parseSigner(signer).verifier).toBe(verifier);
    expect(parseVerifier(verifier).vkey).toBe(verifier);
    const signature = parseSigner(signer).sign("hi");
    expect(parseVerifier(verifier).verify("hi", signature)).toBe(true);
    expect(parseVerifier(verifier).verify("ho", signature)).toBe(false);
    expect(generateKey("EnochRoot").verifier).not.toBe(verifier);
    for (const name of ["", "a b", "a+b", "a\nb", "a\u2003b", "a\u0000", "\ud800"])
      expect(fault(() => generateKey(name))).toMatch(/A key's name/);
  });

  it("may have plus signs in their base64", () => {
    // transparency-dev/formats, note/note_cosigv1_test.go.
    expect(parseVerifier("TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6").name).toBe("TEST");
  });

  it("are refused in every mangled form, as Go does", () => {
    for (const [key, parse] of [
      [peter.vkey, parseVerifier],
      [peter.skey, parseSigner],
    ] as const) {
      for (let from = 0; from < key.length; from += 1)
        for (let to = from + 1; to <= key.length; to += 1)
          if (to - from < key.length) fault(() => parse(key.slice(from, to)));
      for (let at = 0; at < key.length; at += 1)
        fault(() => parse(key.slice(0, at) + String.fromCharCode(key.charCodeAt(at) + 1) + key.slice(at + 1)));
      for (const bad of [`${key}\n`, ` ${key}`, `${key} `, key.toUpperCase(), `${key}=`, key.padEnd(2_000, "A"), ""])
        fault(() => parse(bad));
    }
    // Right ids, but a key of another length, and another signature type.
    fault(() => parseVerifier("PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=="));
    fault(() => parseVerifier("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"));
    fault(() => parseVerifier(peter.skey));
  });

  it("are never told in an error", () => {
    const secret = peter.skey.slice(-20);
    for (const bad of [`${peter.skey}A`, peter.skey.replace("c74f", "c74e"), peter.skey.replace("PRIVATE", "PRIVAT")]) {
      const message = fault(() => parseSigner(bad));
      expect(message).not.toContain(secret);
      expect(message).not.toContain("Peter");
    }
  });
});
