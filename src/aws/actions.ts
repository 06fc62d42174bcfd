import { type CredentialType, credentialTypeNames, credentialTypes } from "../changes/credential.ts";
import type { IamReadAction } from "../changes/iam-answers.ts";
import { type Constraint, pagingConstraints, userNameConstraint } from "./constraints.ts";

interface Common {
  /** All parameters that it takes, besides Action and Version. */
  readonly constraints: readonly Constraint[];
}

/** An action of IAM's that the door carries out. */
export type Action = Common &
  (
    | { readonly kind: "update"; readonly type: CredentialType }
    | {
        readonly kind: "read";
        readonly action: IamReadAction;
        /** Of which type the credentials are that it shows, where it shows any. */
        readonly type?: CredentialType;
        /** Whose they are is named, or is the caller's own user. */
        readonly ofUser: boolean;
      }
  );

/** The one version of IAM's API. */
export const IAM_VERSION = "2010-05-08";

export const statusConstraint: Constraint = { parameter: "Status", required: true, values: ["Active", "Inactive"] };

/** What IAM takes for the id of a credential (API reference of the four updates). */
export function idConstraint(type: CredentialType): Constraint {
  const { parameter, min, max } = credentialTypes[type].id;
  return { parameter, required: true, length: { min, max }, pattern: "[\\w]+" };
}

/** By their names on the wire, such as `UpdateAccessKey`. */
export const actions: ReadonlyMap<string, Action> = new Map<string, Action>([
  ...credentialTypeNames.flatMap((type): [string, Action][] => {
    const { updateAction, listAction, userNameMax } = credentialTypes[type];
    const user = userNameConstraint(userNameMax);
    const service = type === "service-specific-credential" ? [{ parameter: "ServiceName" }] : [];
    return [
      [plain(updateAction), { kind: "update", type, constraints: [user, idConstraint(type), statusConstraint] }],
      [
        plain(listAction),
        { kind: "read", action: listAction, type, ofUser: true, constraints: [user, ...service, ...pagingConstraints] },
      ],
    ];
  }),
  ["GetUser", { kind: "read", action: "iam:GetUser", ofUser: true, constraints: [userNameConstraint(128)] }],
  [
    "ListUsers",
    {
      kind: "read",
      action: "iam:ListUsers",
      ofUser: false,
      constraints: [
        { parameter: "PathPrefix", length: { min: 1, max: 512 }, pattern: "\\u002F[\\u0021-\\u007F]*" },
        ...pagingConstraints,
      ],
    },
  ],
  [
    "GetAccessKeyLastUsed",
    {
      kind: "read",
      action: "iam:GetAccessKeyLastUsed",
      type: "access-key",
      ofUser: false,
      constraints: [idConstraint("access-key")],
    },
  ],
]);

function plain(action: `iam:${string}`): string {
  return action.slice("iam:".length);
}
