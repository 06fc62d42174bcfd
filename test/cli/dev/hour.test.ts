import { expect, it } from "vitest";
import { zoneWithHour } from "../../../src/cli/dev/hour.ts";
import { policyTimeIn } from "../../../src/policy/input.ts";

const hours = Array.from({ length: 24 }, (_, hour) => hour);

it.each(hours)("in the zone for hour %i it is that hour, whatever the time", (hour) => {
  for (const utc of hours) {
    const now = Date.UTC(2026, 10, 21, utc, 59, 59);
    expect(policyTimeIn(zoneWithHour(hour, now))(now).hour).toBe(hour);
  }
});
