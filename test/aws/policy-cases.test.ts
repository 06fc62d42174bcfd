import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { actions } from "../../src/aws/actions.ts";
import { type CredentialType, credentialTypes } from "../../src/changes/credential.ts";
import { type Gateway, startGateway } from "../fixture/gateway.ts";
import { query, signedCall } from "./signed-call.ts";

interface Case {
  readonly name: string;
  readonly principal: string;
  readonly body?: {
    readonly credential: { readonly type: CredentialType; readonly id: string; readonly userName?: string };
    readonly status: string;
    readonly ticket?: string;
    readonly reason?: string;
    readonly onBehalfOf?: string;
  };
  readonly expected: { readonly allow: boolean; readonly codes: readonly string[] };
}

interface Cases {
  readonly principals: Readonly<Record<string, { readonly token?: string }>>;
  readonly cases: readonly Case[];
}

const { principals, cases }: Cases = JSON.parse(readFileSync("test/policy/cases.json", "utf8"));
/** What AWS's protocol can say: it knows no reason and nobody on whose behalf. */
const changes = cases.flatMap(({ name, principal, body, expected }) => {
  const sayable = body !== undefined && body.reason === undefined && body.onBehalfOf === undefined;
  return sayable && principals[principal]?.token !== undefined ? [{ name, principal, body, expected }] : [];
});

describe("the table of decisions, through the AWS door", () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway();
  });
  afterAll(() => gateway.close());

  it.each(changes)("$name", async ({ principal, body: { credential, status, ticket }, expected }) => {
    gateway.clock.advance(60_000);
    const { updateAction, id } = credentialTypes[credential.type];
    const user = credential.userName === undefined ? "" : `&UserName=${encodeURIComponent(credential.userName)}`;
    const answer = await signedCall(gateway, {
      as: principal,
      path: ticket === undefined ? "/aws" : `/aws/ticket/${encodeURIComponent(ticket)}`,
      body: query(updateAction.slice("iam:".length), `${user}&${id.parameter}=${credential.id}&Status=${status}`),
    })();
    if (expected.allow) {
      expect(answer.code).not.toBe("AccessDenied");
      expect(gateway.standIn.journal.entries().at(-1)?.credentialId).toBe(credential.id);
    } else {
      const codes = [...(answer.message ?? "").matchAll(/\[([a-z-]+)\]/g)].map(([, code]) => code);
      expect({ code: answer.code, codes }).toEqual({ code: "AccessDenied", codes: expected.codes });
    }
  });

  it("has enough of them, of every kind of update", () => {
    expect(changes.length).toBeGreaterThanOrEqual(40);
    expect(new Set(changes.map(({ body }) => body.credential.type)).size).toBe(Object.keys(credentialTypes).length);
  });

  it("and the door carries out nothing but these four updates and what finds a credential", () => {
    const kinds = [...actions.values()].map((action) => (action.kind === "update" ? action.type : action.action));
    expect(kinds.toSorted()).toEqual([
      "access-key",
      "iam:GetAccessKeyLastUsed",
      "iam:GetUser",
      "iam:ListAccessKeys",
      "iam:ListSSHPublicKeys",
      "iam:ListServiceSpecificCredentials",
      "iam:ListSigningCertificates",
      "iam:ListUsers",
      "service-specific-credential",
      "signing-certificate",
      "ssh-public-key",
    ]);
  });
});
