import { describe, expect, it } from "vitest";
import { timeRange } from "../../src/http/time-range.ts";
import { refusal } from "../fixture/errors.ts";

describe("a range of time", () => {
  it("is what was asked for, as far as it was", () => {
    expect(timeRange({})).toEqual({});
    expect(timeRange({ since: "2026-11-21T09:30:00Z" })).toEqual({ since: 1_795_253_400_000 });
    expect(timeRange({ until: "2026-11-21T09:30:00.25Z" })).toEqual({ until: 1_795_253_400_250 });
    expect(timeRange({ since: "2028-02-29T00:00:00Z", until: "2028-02-29T00:00:00.001Z" })).toEqual({
      since: 1_835_395_200_000,
      until: 1_835_395_200_001,
    });
  });

  it.each([
    [{ since: "2026-02-29T00:00:00Z" }, "query since"],
    [{ since: "2026-11-31T00:00:00.5Z" }, "query since"],
    [{ until: "2026-13-01T00:00:00Z" }, "query until"],
    [{ until: "2026-11-21T24:00:00Z" }, "query until"],
    [{ until: "2026-11-21T23:59:60Z" }, "query until"],
    [{ since: "2026-11-21T09:30:00Z", until: "2026-11-21T09:30:00Z" }, "query until"],
    [{ since: "2026-11-21T09:30:01Z", until: "2026-11-21T09:30:00Z" }, "query until"],
  ])("in which there is no time is refused: %o", async (query, at) => {
    const error = await refusal(() => timeRange(query));
    expect([error.code, error.details.faults?.[0]?.at]).toEqual(["malformed-request", at]);
  });
});
