import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { dataFile } from "../../src/policy/data.ts";
import { type Living, livingPolicies, oncall, release, siteData } from "./living-policies.ts";
import { testFolder } from "./signed-bundles.ts";

const otherData = { site: { ...(siteData["site"] as object), suspended: { principals: {}, people: {} } } };

let living: Living;
/** Lies in a folder that can be taken away, as a volume can. */
let site: string;
const write = (content: object | string) =>
  writeFileSync(site, typeof content === "string" ? content : JSON.stringify(content));

beforeEach(async () => {
  const folder = testFolder();
  mkdirSync(folder.path("volume"));
  site = folder.path("volume/site.json");
  write(siteData);
  living = await livingPolicies({ folder, data: dataFile(site) });
  living.publish(await release("r1", 1));
  await living.start();
});
afterEach(async () => {
  await living.close();
  living.folder.remove();
});

describe("new data while the bundle that it is made ready with", () => {
  beforeEach(async () => {
    living.publish(await release("r2", 2));
    await living.look();
    write(otherData);
  });

  function quarantine(): void {
    living.pace.step = 51;
    living.pdp.decide(oncall);
    living.pace.step = 0;
    expect(living.pdp.revision).toBe("r1");
  }

  async function r1DecidesWithNewData(): Promise<void> {
    expect(living.pdp.revision).toBe("r1");
    await living.lookForData();
    expect(living.pdp.active).toMatchObject({ bundle: { revision: "r1" }, data: otherData });
    expect((await living.recorded()).at(-1)).toBe("activated r1");
    await living.look();
    expect(living.pdp.revision).toBe("r1");
    expect(living.updates.state().trouble?.code).toBe("bundle-quarantined");
  }

  it("is quarantined does not bring that bundle back", async () => {
    const prepare = living.pdp.prepare.bind(living.pdp);
    vi.spyOn(living.pdp, "prepare").mockImplementationOnce(async (...what) => {
      const prepared = await prepare(...what);
      quarantine();
      return prepared;
    });
    await living.lookForData();
    await r1DecidesWithNewData();
  });

  it("is quarantined while that is recorded does not either", async () => {
    const note = living.journal.note.bind(living.journal);
    vi.spyOn(living.journal, "note").mockImplementationOnce(async (record) => {
      const receipt = await note(record);
      quarantine();
      return receipt;
    });
    await living.lookForData();
    await r1DecidesWithNewData();
  });
});

describe("data that cannot be read", () => {
  const refusals = () => living.events.flatMap((event) => (event.kind === "refused" ? [event.error.message] : []));

  it("are told again when it is for another reason", async () => {
    write("{");
    await living.lookForData();
    await living.lookForData();
    write("[]");
    await living.lookForData();
    expect(refusals()).toEqual([
      expect.stringContaining("it is not valid JSON"),
      expect.stringContaining("is not a JSON object"),
    ]);
  });

  it("are no trouble any more once they are back as they were", async () => {
    const [volume, elsewhere] = [living.folder.path("volume"), living.folder.path("elsewhere")];
    renameSync(volume, elsewhere);
    await living.lookForData();
    expect(living.updates.state().trouble?.code).toBe("data-unfit");
    renameSync(elsewhere, volume);
    await living.lookForData();
    expect(living.updates.state().trouble).toBeUndefined();
    expect(living.events.at(-1)).toEqual({ kind: "recovered", part: "data" });
  });
});
