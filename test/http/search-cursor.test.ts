import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Search, searchCursor, searchPosition } from "../../src/http/search-cursor.ts";
import { refusal } from "../fixture/errors.ts";

const search: Search = ["sandbox oncall", "bob", null, null, null, null, "denied", null, null];

const refused = async (cursor: string, of: Search = search) => {
  const error = await refusal(() => searchPosition(cursor, of));
  return [error.code, error.details.faults?.[0]?.at];
};

describe("a search's cursor", () => {
  it("leads back to its position, whatever that is", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 48 - 1 }), (before) => {
        const cursor = searchCursor(before, search);
        expect(cursor).toMatch(/^[A-Za-z0-9_-]{30}$/);
        expect(searchPosition(cursor, search)).toBe(before);
      }),
    );
  });

  it.each<[string, Search]>([
    ["somebody else's", ["sandbox admin", ...search.slice(1)]],
    ["one for another user", ["sandbox oncall", "sofia", ...search.slice(2)]],
    ["one with a filter less", [...search.slice(0, 6), null, null, null]],
    ["one with a filter in another's place", [...search.slice(0, 5), "denied", null, null, null]],
  ])("does not fit %s", async (_what, other) => {
    expect(await refused(searchCursor(7, search), other)).toEqual(["malformed-request", "query cursor"]);
  });

  it("has one spelling, and no bit of it can be another", async () => {
    const cursor = searchCursor(7, search);
    for (let at = 8; at < cursor.length; at += 1) {
      const other = cursor[at] === "A" ? "B" : "A";
      expect(await refused(cursor.slice(0, at) + other + cursor.slice(at + 1))).toEqual([
        "malformed-request",
        "query cursor",
      ]);
    }
    for (const malformed of [
      "",
      cursor.slice(1),
      `${cursor}A`,
      "-".repeat(30),
      `${cursor.slice(0, 29)}=`,
      "é".repeat(30),
    ]) {
      expect(await refused(malformed)).toEqual(["malformed-request", "query cursor"]);
    }
  });
});
