import { expect, it } from "vitest";
import { Closing } from "../../src/gateway/closing.ts";

it("closes what was opened last first, each once, also what comes after a part that cannot be closed", async () => {
  const closed: string[] = [];
  const closing = new Closing();
  closing.add(() => closed.push("store"));
  closing.add(async () => {
    closed.push("record");
    throw new Error("disk full");
  });
  closing.add(() => {
    closed.push("server");
    throw new Error("no server");
  });
  await expect(closing.close()).rejects.toMatchObject({
    errors: [new Error("no server"), new Error("disk full")],
  });
  expect(closed).toEqual(["server", "record", "store"]);
  await closing.close();
  expect(closed).toHaveLength(3);
});
