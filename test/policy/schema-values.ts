import fc from "fast-check";

/** As much of JSON Schema as `policies/schemas/input.json` uses. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly $ref?: string;
  readonly definitions?: Readonly<Record<string, Schema>>;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

export interface Ways {
  /** What may stand at a path, such as `principal.id` or `facts.siblings[].id`, given what the schema would have there. */
  readonly at: (path: string, made: fc.Arbitrary<unknown>) => fc.Arbitrary<unknown>;
  /** Whether required properties may be missing and unknown ones be there. */
  readonly lax?: boolean;
}

/** Long lists and texts are slow to make and to compare, and rules do not count that far. */
const LONGEST_LIST = 5;
const LONGEST_TEXT = 40;

/** Any JSON that fits a schema, or nearly so. */
export function fromSchema(schema: Schema, ways: Ways): fc.Arbitrary<unknown> {
  const known = { ...schema.definitions, ...schema.$defs };
  const valuesOf = (each: Schema, path: string): fc.Arbitrary<unknown> => {
    const made = madeOf(each, path);
    return path === "" ? made : ways.at(path, made);
  };
  const madeOf = (each: Schema, path: string): fc.Arbitrary<unknown> => {
    const { $ref, anyOf, oneOf, type, const: only } = each;
    if ($ref !== undefined) return madeOf(known[$ref.split("/").at(-1) ?? ""] ?? missing($ref), path);
    if (only !== undefined) return fc.constant(only);
    if (each.enum) return fc.constantFrom(...each.enum);
    const branches =
      anyOf ?? oneOf ?? (typeof type === "object" ? type.map((name) => ({ ...each, type: name })) : undefined);
    if (branches) {
      // `null` is there to be met, but not half of the time.
      const weightOf = (branch: Schema) => (branch.type === "null" ? 1 : 4);
      return fc.oneof(...branches.map((branch) => ({ weight: weightOf(branch), arbitrary: madeOf(branch, path) })));
    }
    const make = makers[typeof type === "string" ? type : "object"] ?? missing(`type ${type}`);
    return make(each, path);
  };
  const makers: Readonly<Record<string, (each: Schema, path: string) => fc.Arbitrary<unknown>>> = {
    null: () => fc.constant(null),
    boolean: () => fc.boolean(),
    integer: ({ minimum, maximum }) =>
      fc.integer({ min: minimum ?? -1000, max: Math.min(maximum ?? 1000, 2 ** 31 - 1) }),
    number: ({ minimum, maximum }) => fc.double({ min: minimum ?? -1000, max: maximum ?? 1000, noNaN: true }),
    string: textOf,
    array: ({ items, minItems, maxItems = LONGEST_LIST }, path) =>
      fc.array(valuesOf(items ?? {}, `${path}[]`), {
        minLength: minItems ?? 0,
        maxLength: Math.min(maxItems, LONGEST_LIST),
      }),
    object: objectOf,
  };
  function objectOf(each: Schema, path: string): fc.Arbitrary<unknown> {
    const { properties = {}, required = [], additionalProperties } = each;
    const below = (name: string) => (path === "" ? name : `${path}.${name}`);
    const fields = Object.fromEntries(
      Object.entries(properties).map(([name, one]) => [name, valuesOf(one, below(name))]),
    );
    const others = typeof additionalProperties === "object" ? valuesOf(additionalProperties, below("*")) : undefined;
    const free = others && fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), others, { maxKeys: 4 });
    const exact = fc
      .tuple(fc.record(fields, { requiredKeys: [...required] }), free ?? fc.constant({}))
      .map(([named, more]) => ({ ...more, ...named }));
    if (ways.lax !== true) return exact;
    const beside = fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 2 });
    return fc.oneof(
      { weight: 14, arbitrary: exact },
      { weight: 1, arbitrary: fc.record(fields, { requiredKeys: [] }) },
      { weight: 1, arbitrary: fc.tuple(exact, beside).map(([named, more]) => ({ ...more, ...named })) },
    );
  }
  return valuesOf(schema, "");
}

function textOf({ pattern, minLength = 0, maxLength = LONGEST_TEXT }: Schema): fc.Arbitrary<string> {
  const fits = (text: string) => text.length >= minLength && text.length <= maxLength && text.isWellFormed();
  if (pattern === undefined)
    return fc.string({ minLength, maxLength: Math.min(maxLength, Math.max(minLength, LONGEST_TEXT)) });
  // Texts of one class are made as long as they are to be, and not until one happens to be.
  const longest = Math.min(maxLength, Math.max(minLength, LONGEST_TEXT));
  const sized = pattern.replace(/^(\^\[[^\]]+\])[+*]\$$/, `$1{${minLength},${longest}}$`);
  return fc.stringMatching(new RegExp(sized)).filter(fits);
}

function missing(what: string): never {
  throw new Error(`the schema has ${what}, which nothing is made of here`);
}
