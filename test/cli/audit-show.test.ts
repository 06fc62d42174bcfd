import { describe, expect, it } from "vitest";
import { auditShow } from "../../src/cli/audit-show.ts";
import { leafHash } from "../../src/tlog/hash.ts";
import { startGateway } from "../fixture/gateway.ts";

const off = {
  credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
  status: "Inactive",
};

describe("lockkeeper audit show", () => {
  const shown = async (dataDir: string, index: string | undefined, last = 1) => {
    const lines: string[] = [];
    await auditShow({ print: (line) => lines.push(line), note: () => {} }, index, { dataDir, last });
    return lines.map((line) => JSON.parse(line));
  };

  it("shows the record of a receipt beside the running gateway", async () => {
    const gateway = await startGateway();
    const dataDir = gateway.database.replace(/\/[^/]*$/, "");
    const { json } = await gateway.request("POST", "/v1/status-changes", { body: off });
    const { id, receipt } = json as { id: string; receipt: { index: number; leafHash: string } };
    const [record] = await shown(dataDir, String(receipt.index));
    expect(record).toMatchObject({
      index: receipt.index,
      leafHash: receipt.leafHash,
      record: { metadata: { correlation_uid: id } },
    });
    expect(leafHash(JSON.stringify(record.record)).toString("hex")).toBe(receipt.leafHash);
    expect((await shown(dataDir, undefined, 2)).map(({ index }) => index)).toEqual([receipt.index - 1, receipt.index]);
    await expect(shown(dataDir, "999")).rejects.toThrow("There is no such record.");
    await expect(shown(dataDir, "1; DROP TABLE")).rejects.toThrow("An index is a number");
    await gateway.close();
  });

  it("says what it cannot read", async () => {
    await expect(shown("/nowhere", undefined)).rejects.toThrow(
      /Cannot read an audit log from \/nowhere\/lockkeeper.db/,
    );
  });
});
