import type { AuthenticatedPrincipal, CredentialList, LockkeeperClient } from "../client/client.ts";
import { asCaller, type CallerArguments, type CallerOptions, type ExitCode, exitCodes } from "./caller.ts";
import { columns } from "./columns.ts";
import { printable } from "./printable.ts";
import { changeLines } from "./set-status.ts";

/** `lockkeeper whoami`: who the gateway takes the caller for. */
export function whoAmI(options: CallerOptions, typed: CallerArguments): Promise<ExitCode> {
  return look(options, typed, (client) => client.principal(), principalLines);
}

/** `lockkeeper credentials USER`: what a user has, with its status. */
export function credentials(options: CallerOptions, userName: string, typed: CallerArguments): Promise<ExitCode> {
  return look(options, typed, (client) => client.credentials(userName), credentialLines);
}

/** `lockkeeper access-key ID`: whose key it is. */
export function accessKey(options: CallerOptions, id: string, typed: CallerArguments): Promise<ExitCode> {
  return look(
    options,
    typed,
    (client) => client.accessKey(id),
    ({ userName, status, lastUsed }) => [
      `${id} belongs to ${userName} and is ${status ?? "in a state that could not be read"}.`,
      lastUsed === null
        ? "It was never used."
        : `It was last used ${lastUsed.at} for ${lastUsed.service} in ${lastUsed.region}.`,
    ],
  );
}

/** `lockkeeper change ID`: what became of a change. */
export function showChange(options: CallerOptions, id: string, typed: CallerArguments): Promise<ExitCode> {
  return look(options, typed, (client) => client.statusChange(id), changeLines);
}

function look<Body>(
  options: CallerOptions,
  typed: CallerArguments,
  ask: (client: LockkeeperClient) => Promise<Body>,
  lines: (body: Body) => readonly string[],
): Promise<ExitCode> {
  const { output } = options;
  return asCaller(options, typed, async (client) => {
    const body = await ask(client);
    if (typed.json === true) output.print(JSON.stringify(body, undefined, 2));
    else for (const line of lines(body)) output.print(printable(line));
    return exitCodes.done;
  });
}

function principalLines({ id, issuer, kind, userName, groups, authn, account }: AuthenticatedPrincipal): string[] {
  return [
    `${id}, a ${kind}, says ${issuer} (${authn})`,
    `  IAM user  ${userName ?? "none of its own: changes must name one"}`,
    `  groups    ${groups.length === 0 ? "none" : groups.join(" ")}`,
    `  account   ${account}`,
  ];
}

function credentialLines({ userName, credentials: all }: CredentialList): string[] {
  if (all.length === 0) return [`${userName} has no credentials that could be switched.`];
  return columns([
    ["TYPE", "ID", "STATUS", "CREATED", "SERVICE"],
    ...all.map(({ type, id, status, createdAt, service }) => [type, id, status, createdAt ?? "-", service ?? "-"]),
  ]);
}
