import { readFileSync } from "node:fs";
import fc from "fast-check";
import { odd } from "./odd-values.ts";
import { fromSchema } from "./schema-values.ts";

const schema = JSON.parse(readFileSync("policies/schemas/input.json", "utf8"));

const USERS = ["Bob", "bob", "BOB", "sofia", "break-glass", "Break-Glass", "lockkeeper", "LOCKKEEPER", "eve"];
const KEYS = ["AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE", "TA7SMP42TDN5Z26OBPJE7EXAMPLE"];
const PRINCIPALS = "admin auditor chatops oncall oncall ticketing ticketing viewer bob sofia mallory jo".split(" ");
const ISSUERS = ["sandbox", "sandbox", "sandbox", "https://idp.example"];

/**
 * Values that mean something to the shipped policies with the sandbox's data, by where they are in the input; `[]` for
 * each of a list. Everything else of the input's schema is made up.
 */
const telling: Readonly<Record<string, readonly unknown[]>> = {
  "principal.id": PRINCIPALS,
  "principal.issuer": ISSUERS,
  "principal.kind": ["human", "human", "service", "bot"],
  "principal.userName": USERS,
  "principal.groups": [[], ["sandbox#sre"], ["https://idp.example#sre", "x"], ["oncall"]],
  "onBehalfOf.id": ["sofia", "sofia", "sofia", "jo", "jo", "mallory", "MALLORY"],
  action: [
    ...Array<string>(10).fill("iam:UpdateAccessKey"),
    ...Array<string>(4).fill("lockkeeper:SearchStatusChanges"),
    ...Array<string>(2).fill("lockkeeper:ReadStatusChange"),
    ...schema.properties.action.enum,
  ],
  "credential.id": KEYS,
  "credential.userName": USERS,
  "change.ticket.id": ["SEC-123", "SEC-123", "INC-7", "INC-7", "sec-1", "SEC", "SEC-1-2", "S-1", "SEC-12345678901"],
  "change.requestedBy.id": PRINCIPALS,
  "change.requestedBy.issuer": ISSUERS,
  "search.requestedBy.id": PRINCIPALS,
  "search.requestedBy.issuer": ISSUERS,
  "facts.siblings[].id": KEYS,
  "facts.siblings[].status": ["Active", "Inactive"],
  "facts.user.path": ["/", "/service/", "/division_abc/"],
  "facts.user.tags": [{}, { tier: "0" }, { tier: "1" }, { Tier: "0" }, { tier: "0 " }],
};

/** Where a caller, or IAM, sends text of its own: what it may try there. */
const trying: Readonly<Record<string, readonly unknown[]>> = {
  "principal.groups": ["sandbox#sre", { a: "sandbox#sre" }],
  action: ["iam:DeleteAccessKey", "iam:updateaccesskey", "iam:*"],
  "change.status": ["Expired", "inactive", "INACTIVE", true],
  "change.ticket.id": ["SEC-", "-1", "ＳＥＣ-1", "SEC-１", "SEC-1\n", ["SEC", "1"]],
  "change.ticket.verified": [true],
  "facts.siblings[].status": ["Expired", "active", true],
  "facts.siblings": [{}, "none", 0],
  "facts.user.tags": [[], { tier: 0 }, { tier: ["0"] }, { tier: "０" }],
  "facts.unavailable": [{ siblings: "refused", user: "gone" }, []],
};

/** Inputs as a gateway makes them: all of the input's schema. */
export const validInput: fc.Arbitrary<unknown> = fromSchema(schema, {
  at: (path, made) => {
    const values = telling[path];
    return values
      ? fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...values) }, { weight: 1, arbitrary: made })
      : made;
  },
});

/** The same with things that no gateway sends: another type, too much, something missing or beside the rest. */
export const hostileInput: fc.Arbitrary<unknown> = fromSchema(schema, {
  lax: true,
  at: (path, made) =>
    fc.oneof(
      { weight: telling[path] ? 16 : 0, arbitrary: fc.constantFrom(...(telling[path] ?? [null])) },
      { weight: trying[path] ? 3 : 0, arbitrary: fc.constantFrom(...(trying[path] ?? [null])) },
      { weight: 16, arbitrary: made },
      { weight: 1, arbitrary: odd },
    ),
});
