import type { Fault } from "../errors.ts";
import type { Settings } from "./schema.ts";

/** Where IAM and STS are. Always explicit: nothing in the SDK's own environment may redirect it. */
export interface AwsEndpoints {
  readonly endpoint: string;
  readonly stsEndpoint: string;
}

/**
 * By the region that IAM signs for: IAM is one service per partition (AWS General Reference, "IAM endpoints and quotas").
 */
const documented = new Map<string, AwsEndpoints>([
  ["us-east-1", { endpoint: "https://iam.amazonaws.com", stsEndpoint: "https://sts.us-east-1.amazonaws.com" }],
  [
    "cn-north-1",
    { endpoint: "https://iam.cn-north-1.amazonaws.com.cn", stsEndpoint: "https://sts.cn-north-1.amazonaws.com.cn" },
  ],
  [
    "us-gov-west-1",
    { endpoint: "https://iam.us-gov.amazonaws.com", stsEndpoint: "https://sts.us-gov-west-1.amazonaws.com" },
  ],
]);

/** The configured endpoints, or those that AWS documents for the region, or what is wrong with them. */
export function awsEndpoints({ region, endpoint, stsEndpoint }: Settings["iam"]): AwsEndpoints | Fault {
  if (endpoint !== undefined && stsEndpoint !== undefined) return { endpoint, stsEndpoint };
  if (endpoint !== undefined || stsEndpoint !== undefined) {
    const missing = endpoint === undefined ? "endpoint" : "stsEndpoint";
    return { at: `iam.${missing}`, message: "iam.endpoint and iam.stsEndpoint go together: set both, or neither." };
  }
  return (
    documented.get(region) ?? {
      at: "iam.region",
      message: `IAM is one service per AWS partition: give the region that it signs for (${[...documented.keys()].join(", ")}), or set iam.endpoint and iam.stsEndpoint as well.`,
    }
  );
}
