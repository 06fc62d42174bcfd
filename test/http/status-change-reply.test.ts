import { describe, expect, it } from "vitest";
import type { Outcome, ReadBack } from "../../src/changes/outcome.ts";
import type { StatusChange } from "../../src/changes/status-change.ts";
import { problemText } from "../../src/http/problem.ts";
import { statusChangeReply } from "../../src/http/status-change-reply.ts";
import { statusChangeResource } from "../../src/http/status-change-resource.ts";
import { proofText } from "../../src/tlog/tlog-proof.ts";
import { aChange, aDecision } from "../fixture/changes.ts";

const now = Date.parse("2026-11-21T09:30:01Z");
const change = aChange();
const location = `/v1/status-changes/${change.id}`;
const applied: Outcome = { name: "applied", awsRequestId: "aws-1", httpStatus: 200 };
const lost: Outcome = { name: "unknown", code: "TimeoutError", message: "No answer." };

function refused(code: string, message = "IAM's own words"): Outcome {
  return { name: "failed", how: "refused", code, message, httpStatus: 400, awsRequestId: "aws-2" };
}

const throttled: Outcome = {
  name: "failed",
  how: "refused",
  code: "PriorRequestNotComplete",
  message: "m",
  retryable: true,
};

function state(parts: Partial<StatusChange> = {}): StatusChange {
  return {
    change,
    decision: aDecision(true),
    previousStatus: "Active",
    deadline: now + 2_500,
    receipt: { index: 7, leafHash: "a".repeat(64) },
    ...parts,
  };
}

function readBack(result: ReadBack["result"]): Partial<StatusChange> {
  return { outcome: lost, settledAt: now, readBack: { result, observed: "Inactive", at: now } };
}

describe("the reply to somebody who asked for a change", () => {
  it.each<[string, Partial<StatusChange>, number, object]>([
    ["that IAM confirmed", { outcome: applied }, 201, { Location: location }],
    ["whose answer was lost, and that was then seen to be so", readBack("as-wanted"), 201, { Location: location }],
    ["that policy denied", { decision: aDecision(false) }, 403, { Location: location }],
    ["of which IAM knows no such user", { outcome: refused("NoSuchEntity") }, 404, { Location: location }],
    ["that is not settled yet", {}, 409, { Location: location, "Retry-After": "3" }],
    ["that should be settled by now", { deadline: now - 10_000 }, 409, { Location: location, "Retry-After": "1" }],
    ["that IAM refused", { outcome: refused("AccessDenied") }, 502, { Location: location }],
    ["that IAM throttled", { outcome: throttled }, 503, { Location: location, "Retry-After": "5" }],
    ["of which it is not known any more that IAM throttled it", { outcome: refused("Throttling") }, 502, {}],
    [
      "that never reached IAM",
      { outcome: { name: "failed", how: "not-sent", code: "ECONNREFUSED", message: "m" } },
      503,
      { "Retry-After": "5" },
    ],
    [
      "that came too late",
      { outcome: { name: "failed", how: "not-sent", code: "DeadlinePassed", message: "m" } },
      503,
      { "Retry-After": "1" },
    ],
    ["whose answer was lost", { outcome: lost }, 504, { Location: location }],
    ["whose answer was lost, and that was not seen to be so", readBack("not-as-wanted"), 504, { Location: location }],
    ["that a later one superseded", readBack("superseded"), 504, { Location: location }],
    ["of which nobody could find out", readBack("unresolved"), 504, { Location: location }],
  ])("%s", (_what, parts, status, headers) => {
    const reply = statusChangeReply(state(parts), now);
    expect(reply.status).toBe(status);
    expect(reply.headers).toMatchObject(headers);
    if ("problem" in reply) expect(reply.problem).toMatchObject({ status, statusChange: change.id });
  });

  it("names IAM's error code, and keeps IAM's words to itself", () => {
    const reply = statusChangeReply(
      state({ outcome: refused("AccessDenied", "User: arn:aws:iam::1:user/secret") }),
      now,
    );
    expect(reply).toMatchObject({ problem: { type: "urn:lockkeeper:problem:iam-refused", awsCode: "AccessDenied" } });
    expect(JSON.stringify(reply)).not.toContain("secret");
  });

  it("gives a denial its decision and its receipt", () => {
    expect(statusChangeReply(state({ decision: aDecision(false) }), now)).toMatchObject({
      problem: { decision: { allow: false, reasons: [{ code: "not-permitted" }] } },
      receipt: { index: 7 },
    });
  });

  it.each<[string, Partial<StatusChange>]>([
    ["of one that was applied", { outcome: applied }],
    ["of a denial", { decision: aDecision(false) }],
    ["of one that is not settled", {}],
    ["of one that IAM refused", { outcome: refused("AccessDenied") }],
    ["of one whose answer was lost", { outcome: lost }],
  ])("shows the receipt's proof as far as it is known: %s", (_what, parts) => {
    for (const proof of [{ lines: "c2sp.org/tlog-proof@v1\n…", checkpoint: "…" }, null, undefined]) {
      const receipt = { index: 7, leafHash: "a".repeat(64), ...(proof !== undefined && { proof }) };
      const reply = statusChangeReply(state({ ...parts, receipt }), now);
      const said = JSON.parse("problem" in reply ? problemText(reply, "r") : JSON.stringify(reply.body)).receipt;
      expect(said).toEqual({ ...receipt, ...(proof && { proof: proofText(proof) }) });
    }
  });
});

describe("a status change as a resource", () => {
  it.each<[string, Partial<StatusChange>, string, boolean | null]>([
    ["was another status before", { outcome: applied }, "applied", true],
    ["was the same before", { outcome: applied, previousStatus: "Inactive" }, "applied", false],
    ["had expired before", { outcome: applied, previousStatus: "Expired" }, "applied", true],
    ["could not be looked at before", { outcome: applied, previousStatus: null }, "applied", null],
    ["was refused", { outcome: refused("NoSuchEntity") }, "failed", false],
    ["was denied", { decision: aDecision(false), previousStatus: null }, "denied", false],
    ["has no known end", { outcome: lost }, "unknown", null],
    ["was read back", readBack("as-wanted"), "unknown", null],
    ["is not settled", {}, "pending", null],
  ])("that %s", (_what, parts, outcome, changed) => {
    expect(statusChangeResource(state(parts))).toMatchObject({ outcome, changed });
  });

  const warnings = (parts: Partial<StatusChange>) => statusChangeResource(state(parts)).warnings.join(" ");
  const key = { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName: "Bob", account: "123456789012" } as const;

  it("that was applied warns that IAM is eventually consistent", () => {
    expect(warnings({ outcome: applied })).toMatch(/eventually consistent/);
  });

  it("of an access key that was switched off warns that what was obtained with it may live on", () => {
    expect(warnings({ change: aChange({ credential: key }), outcome: applied })).toMatch(/may live on/);
    expect(warnings({ change: aChange({ credential: key, status: "Active" }), outcome: applied })).not.toMatch(
      /live on/,
    );
    expect(warnings({ outcome: applied })).not.toMatch(/live on/);
  });

  it.each(["as-wanted", "not-as-wanted", "superseded", "unresolved"] as const)(
    "that was read back, %s, says so",
    (result) => {
      expect(warnings(readBack(result))).toMatch(/^The outcome is not known; /);
    },
  );

  it("that was refused has IAM's words only where they speak of the request", () => {
    const words = "User: arn:aws:sts::123456789012:assumed-role/lockkeeper is not authorized";
    const errorOf = (outcome: Outcome) => statusChangeResource(state({ outcome })).error;
    expect(errorOf(refused("AccessDenied", words))).toEqual({
      code: "AccessDenied",
      message: expect.stringMatching(/^IAM refused/),
    });
    expect(errorOf(refused("LimitExceeded", words))?.message).not.toContain("arn:");
    for (const code of ["NoSuchEntity", "ValidationError", "InvalidInput"]) {
      expect(errorOf(refused(code, "not found"))).toEqual({ code, message: "not found" });
    }
    expect(errorOf(lost)).toEqual({ code: "TimeoutError", message: "No answer." });
  });

  it("that had no effect warns of nothing", () => {
    expect(warnings({ outcome: refused("NoSuchEntity") }) + warnings({ decision: aDecision(false) })).toBe("");
  });

  it("never says that anything was revoked", () => {
    const texts = [{ outcome: applied }, { outcome: lost }, readBack("as-wanted")].map(warnings);
    expect(texts.join()).not.toMatch(/revoke/i);
  });

  it("shows of the principal who it is, and not its groups", () => {
    expect(statusChangeResource(state({ outcome: applied })).principal).toEqual({
      id: "oncall",
      issuer: "sandbox",
      kind: "human",
    });
  });
});
