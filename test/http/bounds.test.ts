import { afterEach, describe, expect, it } from "vitest";
import { principalOf } from "../../src/authn/claims.ts";
import type { Principal } from "../../src/authn/principal.ts";
import type { IssuerConfig } from "../../src/config.ts";
import { readResult } from "../../src/policy/result.ts";
import { refusal } from "../fixture/errors.ts";
import { type Gateway, type GatewayOptions, startGateway } from "../fixture/gateway.ts";

const issuer: IssuerConfig = {
  issuer: `https://${"i".repeat(117)}.de`,
  audience: "lockkeeper",
  jwksUri: "https://idp.example/keys",
  algorithms: ["ES256"],
  typ: "at+jwt",
  clockToleranceSeconds: 0,
  kind: "human",
  claims: { id: "sub", groups: "groups", userName: "iam" },
};
const principalWith = (count: number, group: string): Principal =>
  principalOf({ sub: "€".repeat(256), iam: "u".repeat(64), groups: new Array(count).fill(group) }, issuer);

/** As much as anybody can be and ask for at once; `€` is three bytes of UTF-8. */
const largestPrincipal = principalWith(167, "€".repeat(5));
const largestChange = {
  credential: { type: "access-key", id: "A".repeat(128), userName: "u".repeat(128), account: "123456789012" },
  status: "Inactive",
  reason: "€".repeat(512),
  ticket: "T".repeat(64),
  onBehalfOf: "o".repeat(128),
};
const largestReasons = Array.from({ length: 8 }, () => ({ code: "c".repeat(20), message: "€".repeat(466) }));

let gateway: Gateway;
async function start(options: GatewayOptions): Promise<void> {
  gateway = await startGateway({ authenticate: async () => largestPrincipal, ...options });
}
const ask = (path: string) => gateway.request("POST", path, { body: largestChange });
afterEach(() => gateway.close());

function answering(allow: boolean): NonNullable<GatewayOptions["pdp"]> {
  return {
    decide: () => ({
      allow,
      reasons: largestReasons,
      obligations: [],
      needs: [],
      revision: "r".repeat(64),
      entrypoint: "lockkeeper/decision",
      wasmDigest: "0".repeat(64),
    }),
  };
}

describe("whoever gets in", () => {
  it("fits into the policy input, whatever they ask for", async () => {
    await start({});
    const { status, json } = await ask("/v1/status-changes");
    expect(status).toBe(403);
    expect(json).toMatchObject({ decision: { reasons: [{ code: "not-permitted" }] } });
  });

  it.each([
    ["a denial", false, "/v1/status-changes", 403],
    ["an intent", true, "/v1/status-changes", 404],
    ["a what-if", true, "/v1/decisions", 200],
  ])("fits into the record of %s, with the most that a policy can say", async (_what, allow, path, status) => {
    await start({ pdp: answering(allow) });
    expect((await ask(path)).status).toBe(status);
  });

  it("is not more than that: one group more, or one reason more, is refused where it comes in", async () => {
    await start({});
    const { message, cause } = await refusal(() => principalWith(168, "€".repeat(5)));
    expect(message).not.toContain("group");
    expect(cause).toMatchObject({ message: expect.stringMatching(/over 24 KiB/) });
    const result = (reasons: readonly unknown[]) => readResult([{ result: { allow: true, reasons, obligations: [] } }]);
    expect(result(largestReasons)).toMatchObject({ kind: "answer" });
    expect(result([...largestReasons, { code: "c", message: "m" }])).toMatchObject({ kind: "malformed" });
  });
});
