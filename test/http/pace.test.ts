import { expect, it } from "vitest";
import { Pace } from "../../src/http/pace.ts";
import { startGateway } from "../fixture/gateway.ts";

it("a refusal for too many requests is held back, and no other is", async () => {
  const gateway = await startGateway({ perMinute: { reads: 1 } });
  const { clock } = gateway;
  const look = () => gateway.request("GET", "/v1/users/Bob/credentials");
  const start = clock.now();
  expect((await look()).status).toBe(200);
  expect((await gateway.request("GET", "/v1/users/Bob/credentials", { as: null })).status).toBe(401);
  expect(clock.now()).toBe(start);
  expect((await look()).status).toBe(429);
  expect(clock.now()).toBe(start + 250);
  await gateway.close();
});

it("no more than a thousand or so are held at a time, so that holding costs no flood's worth of memory", async () => {
  let held = 0;
  const pace = new Pace({
    sleep: () => {
      held += 1;
      return new Promise(() => {});
    },
  });
  const all = Array.from({ length: 1_500 }, () => pace.hold().then(() => "gone"));
  expect(held).toBe(1_024);
  expect(await all[1_024]).toBe("gone");
});
