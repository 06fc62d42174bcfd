import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openToRead } from "../fixture/database.ts";
import { type Gateway, startGateway } from "../fixture/gateway.ts";

const credential = { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName: "Bob" };
const off = JSON.stringify({ credential, status: "Inactive" }).slice(0, -1);

let gateway: Gateway;
beforeEach(async () => {
  gateway = await startGateway();
});
afterEach(() => gateway.close());

/** The stored bytes of every record, read beside the gateway, each of them strict UTF-8 and JSON. */
function records(): { unmapped: { input?: { change?: { reason?: string } } }; metadata: { event_code: string } }[] {
  const db = openToRead(gateway.database);
  const rows = db.prepare("SELECT CAST(body AS BLOB) AS body FROM records ORDER BY idx").all();
  db.close();
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return rows.map((row) => JSON.parse(utf8.decode(row["body"] as Uint8Array)));
}

const ask = (body: string, as = "viewer") => gateway.request("POST", "/v1/status-changes", { body, as });

describe("bodies that readers understand differently", () => {
  it("a member that is there twice: policy, record and reply have the same value, the last one", async () => {
    const { json } = await ask(`${off},"reason":"the first","reason":"the last"}`, "oncall");
    expect(json).toMatchObject({ reason: "the last" });
    const [intent] = records();
    expect(intent?.unmapped.input?.change?.reason).toBe("the last");
    expect(JSON.stringify(records())).not.toContain("the first");
  });

  it.each([
    ["half a surrogate pair", `${off},"reason":"\\ud800"}`],
    ["half a surrogate pair in a name", `${off},"\\udfff":1}`],
    ["a number beyond all numbers", `${off},"reason":1e400}`],
    ["a number that no double is", `${off},"ticket":12345678901234567890123}`],
    ["a byte order mark and line separators", `${off},"reason":"\\ufeff\\u2028\\u2029"}`],
    ["text that runs the other way", `${off},"reason":"\\u202e\\u2066"}`],
    ["a reason that is too long", `${off},"reason":${JSON.stringify("x".repeat(600))}}`],
  ])("%s is refused and leaves no record", async (_, body) => {
    expect((await ask(body, "oncall")).status).toBe(400);
    expect(records()).toEqual([]);
    expect(gateway.standIn.journal.entries()).toEqual([]);
  });

  it.each([
    ["quotes and backslashes", '\\" \\\\ \\/ \\\\ud800'],
    ["characters beyond the basic plane", "\\ud83d\\udd12 🔒"],
  ])("%s are recorded as they were meant", async (_, text) => {
    const { status } = await ask(`${off},"reason":"${text}"}`);
    const [denial] = records();
    expect([status, denial?.metadata.event_code]).toEqual([403, "credential.status.denied"]);
    expect(denial?.unmapped.input?.change?.reason).toBe(JSON.parse(`"${text}"`));
  });
});
