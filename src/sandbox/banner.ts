export interface BannerOptions {
  readonly url: string;
  readonly tokens: readonly string[];
  /** Path of the audit log. */
  readonly log: string;
}

/** What somebody sees who starts the sandbox: where it is, who they can be, and what to paste first. */
export function banner({ url, tokens, log }: BannerOptions): string {
  const off =
    '{"credential":{"type":"signing-certificate","id":"TA7SMP42TDN5Z26OBPJE7EXAMPLE","userName":"Bob"},"status":"Inactive"}';
  const change = (token: string) =>
    `curl -s -X POST ${url}/v1/status-changes -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d '${off}'`;
  return `
Lockkeeper sandbox on ${url}
IAM is a stand-in on this machine; no AWS account is involved. Everything is Active again at the next start.
The audit log is in ${log}. Stop with Ctrl-C.

Bearer tokens: ${tokens.join("  ")}

1. On-call switches Bob's signing certificate off:
${change("sandbox-oncall")}

2. A viewer may not, and is told why:
${change("sandbox-viewer")}

3. Bob's credentials now:
curl -s ${url}/v1/users/Bob/credentials -H 'Authorization: Bearer sandbox-viewer'

4. On-call does it with the AWS CLI, unmodified:
AWS_ACCESS_KEY_ID=AKIASANDBOXONCALL AWS_SECRET_ACCESS_KEY=sandbox-oncall-secret AWS_DEFAULT_REGION=us-east-1 \\
  aws iam update-signing-certificate --endpoint-url ${url}/aws --certificate-id TA7SMP42TDN5Z26OBPJE7EXAMPLE --status Inactive --user-name Bob

5. An auditor reads what is on record:
curl -s '${url}/v1/audit/records?code=credential.status.denied' -H 'Authorization: Bearer sandbox-auditor'

`;
}
