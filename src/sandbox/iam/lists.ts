import { pagingConstraints, userNameConstraint } from "../../aws/constraints.ts";
import { dateElement, textElement } from "../../aws/xml.ts";
import { type CredentialType, credentialTypeNames, credentialTypes } from "../../changes/credential.ts";
import { type Action, userMeant } from "./action.ts";
import { page } from "./paging.ts";
import type { SandboxCredential, SandboxUser } from "./world.ts";

interface Shape {
  /** The element around all members. */
  readonly list: string;
  /** What a member says beside user, id and status. */
  readonly details: (credential: SandboxCredential, user: SandboxUser, account: string) => string;
}

const shapes: Readonly<Record<CredentialType, Shape>> = {
  "signing-certificate": {
    list: "Certificates",
    details: ({ createdAt }) =>
      textElement("CertificateBody", "-----BEGIN CERTIFICATE-----\nsandbox\n-----END CERTIFICATE-----\n") +
      dateElement("UploadDate", createdAt),
  },
  "service-specific-credential": {
    list: "ServiceSpecificCredentials",
    details: ({ createdAt, service = "codecommit.amazonaws.com" }, user, account) =>
      textElement("ServiceUserName", `${user.name}-at-${account}`) +
      textElement("ServiceName", service) +
      dateElement("CreateDate", createdAt),
  },
  "access-key": {
    list: "AccessKeyMetadata",
    details: ({ createdAt }) => dateElement("CreateDate", createdAt),
  },
  "ssh-public-key": {
    list: "SSHPublicKeys",
    details: ({ createdAt }) => dateElement("UploadDate", createdAt),
  },
};

/** The four lists by their names on the wire, such as `ListAccessKeys`. */
export const lists: ReadonlyMap<string, Action> = new Map(
  credentialTypeNames.map((type) => [credentialTypes[type].listAction.slice("iam:".length), listOf(type)]),
);

function listOf(type: CredentialType): Action {
  const { list, details } = shapes[type];
  const idElement = credentialTypes[type].id.parameter;
  return {
    service: "iam",
    constraints: [userNameConstraint(credentialTypes[type].userNameMax), ...pagingConstraints],
    perform: (call) => {
      const user = userMeant(call);
      if ("code" in user) return user;
      const service = call.parameters.get("ServiceName");
      const all = [...user.credentials[type].values()];
      const items =
        type === "service-specific-credential" && service !== null ? all.filter((one) => one.service === service) : all;
      return page(
        call.parameters,
        list,
        items,
        ({ id }) => id,
        (credential) =>
          textElement("UserName", user.name) +
          textElement(idElement, credential.id) +
          textElement("Status", credential.status) +
          details(credential, user, call.world.account),
      );
    },
  };
}
