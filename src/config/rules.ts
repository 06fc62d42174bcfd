import { isAbsolute, relative } from "node:path";
import { isLoopbackHost } from "../authn/ip-address.ts";
import type { Fault } from "../errors.ts";
import type { Settings } from "./schema.ts";

/** A rule about what one setting says of another. Sections that are not well-formed are absent. */
export type Rule = (sections: Partial<Settings>) => readonly Fault[];

/** Bearer tokens must not cross a network in the clear: either Lockkeeper ends TLS, or proxies that it knows do. */
export const guardedListener: Rule = (sections) => {
  const { listen, trustedProxies } = sections;
  // An absent `tls` is well-formed; one with faults of its own is not in here.
  if (listen === undefined || trustedProxies === undefined || !Object.hasOwn(sections, "tls")) return [];
  if (isLoopbackHost(listen.host) || sections.tls !== undefined || trustedProxies.length > 0) return [];
  return [
    {
      at: "listen.host",
      message:
        "This address can be reached from other machines: set tls.certFile and tls.keyFile, or trustedProxies if a proxy ends TLS, or listen on 127.0.0.1.",
    },
  ];
};

/** The sandbox's tokens are known to everybody who can read. */
export const loopbackListener: Rule = ({ listen }) =>
  listen === undefined || isLoopbackHost(listen.host)
    ? []
    : [
        {
          at: "listen.host",
          message:
            "The sandbox's tokens are no secret, so it listens on this machine only: use 127.0.0.1 or [::1], or run without --sandbox.",
        },
      ];

/** Authors try bundle services out on their own machine; a real one's policies are none for well-known tokens. */
export const loopbackBundles: Rule = ({ policy }) =>
  policy?.url === undefined || isLoopbackHost(URL.parse(policy.url)?.hostname ?? "")
    ? []
    : [
        {
          at: "policy.url",
          message: "The sandbox takes bundles from this machine only: use 127.0.0.1, or run without --sandbox.",
        },
      ];

/** So that no way leads from a demo principal to an AWS account. */
export const loopbackIam: Rule = ({ iam }) =>
  isLoopbackHost(URL.parse(iam?.endpoint ?? "")?.hostname ?? "")
    ? []
    : [{ at: "iam.endpoint", message: "The sandbox calls an IAM of its own on this machine, never AWS." }];

export const reconcileInOrder: Rule = ({ reconcile }) =>
  reconcile === undefined || reconcile.giveUpMs > reconcile.graceMs
    ? []
    : [{ at: "reconcile.giveUpMs", message: "Give it more than reconcile.graceMs." }];

/** A change that has begun ends before its connection is cut off. */
export const timeToFinish: Rule = ({ shutdown, iam, audit }) =>
  shutdown === undefined ||
  iam === undefined ||
  audit === undefined ||
  shutdown.graceMs >= iam.deadlineMs + audit.deadlineMs
    ? []
    : [{ at: "shutdown.graceMs", message: "Give it at least iam.deadlineMs and audit.deadlineMs together." }];

/** Without the site's data policy knows nobody, and denies everything. */
export const siteData: Rule = ({ policy }) =>
  policy === undefined || policy.dataFile !== undefined
    ? []
    : [
        {
          at: "policy.dataFile",
          message: "Name the JSON file that says who has which role; start from policies/data.json.",
        },
      ];

/** Bundles come from one place, and what is said of it belongs to it. */
export const bundleFromOnePlace: Rule = ({ policy }) => {
  const { bundle, url, tokenFile, allowRollbackTo } = policy ?? {};
  const faults = [
    bundle !== undefined && url !== undefined && { at: "policy.url", message: "Set it or policy.bundle, not both." },
    tokenFile !== undefined &&
      url === undefined && {
        at: "policy.tokenFile",
        message: "It is for policy.url, which is not set: set it, or leave it out.",
      },
    allowRollbackTo !== undefined &&
      bundle === undefined &&
      url === undefined && {
        at: "policy.allowRollbackTo",
        message: "It is for policy.url or policy.bundle, and neither is set: set one, or leave it out.",
      },
  ];
  return faults.filter((fault) => fault !== false);
};

/** A log that nobody signs is worth nothing to those outside. */
export const signedLog: Rule = ({ audit }) =>
  audit === undefined || audit.signingKeyFile !== undefined
    ? []
    : [
        {
          at: "audit.signingKeyFile",
          message: "Name the key that signs the log's heads; make one with lockkeeper audit keygen.",
        },
      ];

/** Those names are for the logs that `lockkeeper audit recover` opens. */
export const firstOfItsLineage: Rule = ({ audit }) =>
  /\/recovered-\d+$/.test(audit?.origin ?? "")
    ? [{ at: "audit.origin", message: "Leave out /recovered-…: after a recovery the log has that name by itself." }]
    : [];

/** What stands beside the log is rolled back with it. */
export const memoryOutside: Rule = ({ audit, dataDir }) => {
  const { file, url, tokenFile } = audit?.outside ?? {};
  const inside = file !== undefined && dataDir !== undefined && !relative(dataDir, file).startsWith("..");
  return [
    ...(inside && !isAbsolute(relative(dataDir, file))
      ? [
          {
            at: "audit.outside.file",
            message:
              "It is in dataDir, where it would be rolled back with the log: name a file on another disk or host.",
          },
        ]
      : []),
    ...(tokenFile !== undefined && url === undefined
      ? [
          {
            at: "audit.outside.tokenFile",
            message: "It is for audit.outside.url, which is not set: set it, or leave it out.",
          },
        ]
      : []),
  ];
};

/** A gateway to which nobody can prove who they are is a mistake, not a choice. */
export const somebodyCanAuthenticate: Rule = ({ authn }) =>
  authn === undefined ||
  authn.apiKeys.enabled ||
  authn.awsKeys?.enabled === true ||
  authn.sts?.enabled === true ||
  authn.issuers.length > 0
    ? []
    : [{ at: "authn", message: "Nobody can prove who they are: enable authn.apiKeys, or add to authn.issuers." }];

export const distinctIssuers: Rule = ({ authn }) => {
  const issuers = authn?.issuers.map(({ issuer }) => issuer) ?? [];
  return issuers.flatMap((issuer, index) =>
    issuers.indexOf(issuer) < index
      ? [{ at: `authn.issuers[${index}].issuer`, message: "This issuer is in the list already: keep one of the two." }]
      : [],
  );
};

/** Files that the configuration names must be there, so that a slip shows in `config check` and not at the next start. */
export function readableFiles(readable: (file: string) => boolean): Rule {
  return ({ tls, policy, audit, postgres, authn }) =>
    Object.entries({
      "tls.certFile": tls?.certFile,
      "tls.keyFile": tls?.keyFile,
      "policy.bundle": policy?.bundle,
      "policy.tokenFile": policy?.tokenFile,
      "policy.verification.keyFile": policy?.verification?.keyFile,
      "policy.dataFile": policy?.dataFile,
      "audit.signingKeyFile": audit?.signingKeyFile,
      "audit.outside.tokenFile": audit?.outside.tokenFile,
      "authn.awsKeys.encryptionKeyFile": authn?.awsKeys?.encryptionKeyFile,
      ...Object.fromEntries(
        (authn?.awsKeys?.formerEncryptionKeyFiles ?? []).map((file, at) => [
          `authn.awsKeys.formerEncryptionKeyFiles[${at}]`,
          file,
        ]),
      ),
      "postgres.passwordFile": postgres?.passwordFile,
      "postgres.caFile": postgres?.caFile,
    }).flatMap(([at, file]) =>
      file === undefined || readable(file)
        ? []
        : [{ at, message: "This file cannot be read: check the path and the permissions." }],
    );
}
