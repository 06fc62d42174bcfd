import { describe, expect, it } from "vitest";
import type { Iam } from "../../src/changes/iam-answers.ts";
import { startGateway } from "../fixture/gateway.ts";

const body = {
  credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
  status: "Inactive",
};

/** Sees a status that the contract does not know. */
function strangeIam(real: Iam): Iam {
  return { ...real, statusOf: async () => "Revoked" as never };
}

describe("a reply that breaks the contract", () => {
  it("is a loud error in the sandbox, which still leads to the change that was made", async () => {
    const gateway = await startGateway({ iam: strangeIam, validateResponses: true });
    const { status, headers, json } = await gateway.request("POST", "/v1/status-changes", { body });
    expect([status, json]).toMatchObject([500, { type: "urn:lockkeeper:problem:internal" }]);
    const [update] = gateway.standIn.journal.entries();
    expect(headers.get("location")).toBe(`/v1/status-changes/${update?.changeId}`);
    expect(gateway.log.lines.find(({ level }) => level === "error")).toMatchObject({
      code: "internal",
      location: `/v1/status-changes/${update?.changeId}`,
    });
    await gateway.close();
  });

  it("is an error in the sandbox for look-ups, too", async () => {
    const gateway = await startGateway({ iam: strangeIam });
    expect((await gateway.request("GET", "/v1/access-keys/AKIAIOSFODNN7EXAMPLE")).status).toBe(500);
    await gateway.close();
  });

  it("is sent as it is in production: it must not hide the change", async () => {
    const gateway = await startGateway({ iam: strangeIam, validateResponses: false, sandbox: false });
    const response = await fetch(`${gateway.url}/v1/status-changes`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer sandbox-oncall" },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(201);
    expect(response.headers.has("lockkeeper-sandbox")).toBe(false);
    expect(await response.json()).toMatchObject({ outcome: "applied", previousStatus: "Revoked" });
    await gateway.close();
  });
});
