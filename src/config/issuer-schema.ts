import { z } from "zod";
import { principalKinds } from "../authn/principal.ts";
import { text, url } from "./values.ts";

/** Asymmetric signatures only: with a shared secret, whoever can check a token can make one. */
const signatureAlgorithms = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
] as const;

const issuer = url
  .max(128)
  .refine((value) => !value.includes("?"), { error: "An issuer's URL has no query (RFC 8414)." });

const claimName = z.string().min(1).max(128);

/** One OIDC issuer: what its tokens must look like, and which claims count. */
export const issuerSchema = z.strictObject({
  issuer: issuer.describe("The issuer, exactly as its tokens name it in `iss`."),
  audience: z
    .union([text, z.array(text).min(1).max(16)], { error: "Give the audience as a string, or a list of strings." })
    .describe(
      "What the tokens must name in `aud`: one identifier or a list of which one suffices. Use an API's, not a login client's.",
    ),
  jwksUri: url.describe("Where the issuer publishes its keys. Pinned here: nothing is discovered."),
  algorithms: z
    .array(z.enum(signatureAlgorithms))
    .min(1)
    .describe("Signature algorithms that this issuer uses. Asymmetric ones only."),
  typ: z
    .enum(["at+jwt", "any"])
    .default("at+jwt")
    .describe(
      "`at+jwt`: the header must say that it is an access token (RFC 9068). `any`: for issuers that cannot; tokens that look like ID tokens are still refused.",
    ),
  clockToleranceSeconds: z.int().min(0).max(60).default(30).describe("How far the issuer's clock may be off."),
  kind: z.enum(principalKinds).default("human").describe("What this issuer's principals are to policy."),
  claims: z
    .strictObject({
      id: claimName.default("sub").describe("Claim with the principal's id."),
      groups: claimName.optional().describe("Claim with a list of groups. Policy sees each as `issuer#group`."),
      userName: claimName
        .optional()
        .describe(
          "Claim with the principal's own IAM user name. Set it only for an issuer that you trust to say which IAM user somebody is.",
        ),
    })
    .prefault({}),
});
