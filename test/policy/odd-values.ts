import fc from "fast-check";

/** Any well-formed text: all of Unicode but lone surrogates, which a PDP refuses before it asks. */
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom(
    "",
    " ",
    "\u0000",
    "K",
    "ſofia",
    "İ",
    "__proto__",
    "constructor",
    "BREAK-GLASS",
    "bob\u0000",
    "ＢＯＢ",
  ),
);
const huge = fc
  .tuple(fc.constantFrom("a", "é", "😀", "SEC-", "\\", '"', "\u0000"), fc.integer({ min: 1000, max: 40_000 }))
  .map(([unit, count]) => unit.repeat(count));
const nested = fc.integer({ min: 1, max: 300 }).map((depth) => {
  let value: unknown = "Bob";
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { userName: value };
  return value;
});

/** What nobody expects to find: text of any kind, other types, very deep or very long values. */
export const odd: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 8, arbitrary: text },
  {
    weight: 4,
    arbitrary: fc.constantFrom(null, true, false, 0, 5, -1, 1.5, 1e15, [], {}, [null], [[]], { id: "Bob" }),
  },
  { weight: 4, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
  { weight: 1, arbitrary: nested },
  { weight: 1, arbitrary: huge },
);
