import type { TestProject } from "vitest/node";
import { installCliV2 } from "./install-cli-v2.ts";
import { installPython, type PythonClients } from "./install-python.ts";

declare module "vitest" {
  interface ProvidedContext {
    readonly awsClients: AwsClients;
  }
}

/** What this machine has of AWS's clients. Command lines are to be followed by arguments. */
export interface AwsClients {
  readonly python?: PythonClients;
  readonly cliV2?: readonly string[];
}

/** On a build server a client that is missing is a fault and not a gap. */
const required = process.env["LOCKKEEPER_REQUIRE_AWS_CLIENTS"] === "1";

/** Finds or installs the clients, once for a run. */
export default function setup(project: TestProject): void {
  const python = had("AWS CLI v1, boto3 and moto", installPython);
  const cliV2 = had("AWS CLI v2", installCliV2);
  project.provide("awsClients", { ...(python && { python }), ...(cliV2 && { cliV2 }) });
}

function had<Client>(what: string, install: () => Client): Client | undefined {
  try {
    return install();
  } catch (error) {
    if (required) throw new Error(`${what} cannot be had, and LOCKKEEPER_REQUIRE_AWS_CLIENTS=1`, { cause: error });
    const line = "!".repeat(100);
    const why = error instanceof Error ? error.message : String(error);
    console.error(`${line}\nNOT TESTED: ${what}, which cannot be had on this machine.\n${why}\n${line}`);
    return undefined;
  }
}
