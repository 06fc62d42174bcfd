import { expect, it } from "vitest";
import { ActiveCredentials } from "../../src/changes/active-credentials.ts";
import { aChange } from "../fixture/changes.ts";

it("a change is alone until another of the same credential has come, and again when all others have gone", () => {
  const active = new ActiveCredentials();
  const { credential } = aChange();
  const other = { ...credential, id: "TA7SMP42TDN5Z26OBPJE7EXAMPL2" };
  expect(active.enter(credential)).toBe(true);
  expect(active.enter(credential)).toBe(false);
  expect(active.enter(other)).toBe(true);
  active.leave(credential);
  // The second is still there.
  expect(active.enter(credential)).toBe(false);
  active.leave(credential);
  active.leave(credential);
  expect(active.enter(credential)).toBe(true);
});

it("closing waits for the changes that are being made, and lets no further one in", async () => {
  const active = new ActiveCredentials();
  const { credential } = aChange();
  active.enter(credential);
  active.enter(credential);
  let closed = false;
  const closing = active.close().then(() => {
    closed = true;
  });
  expect(() => active.enter({ ...credential, id: "TA7SMP42TDN5Z26OBPJE7EXAMPL2" })).toThrow("Lockkeeper is stopping");
  active.leave(credential);
  await Promise.resolve();
  expect(closed).toBe(false);
  active.leave(credential);
  await closing;
  await new ActiveCredentials().close();
});
