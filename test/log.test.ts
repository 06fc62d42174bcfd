import { afterEach, expect, it, vi } from "vitest";
import { LockkeeperError } from "../src/errors.ts";
import { createLog } from "../src/log.ts";
import { BundleRefusal } from "../src/policy/bundle-refusal.ts";

afterEach(() => void vi.restoreAllMocks());

/** What a terminal shows of an error. */
function shown(err: Error): string {
  let text = "";
  vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  createLog({ level: "info", format: "pretty" }).log.error({ err }, "policies were refused");
  return text.replace(/^.*ERROR {2}/, "");
}

it("on a terminal, an error that is worded for people is its sentences, each once, without the code's places", () => {
  const broken = new LockkeeperError(
    "policy-unavailable",
    "The policies r7 do not work: it failed.",
    {},
    { cause: new Error("it failed.") },
  );
  const refusal = new BundleRefusal("bundle-not-working", broken.message, { cause: broken });
  expect(shown(refusal)).toBe("policies were refused  err=The policies r7 do not work: it failed.\n");
  const hostile = new BundleRefusal("bundle-unreadable", "It is no archive.", {
    cause: new Error("bad \u001b[31m header"),
  });
  expect(shown(hostile)).toBe("policies were refused  err=It is no archive. <- bad \ufffd[31m header\n");
});

it("on a terminal, any other error says where it comes from", () => {
  expect(shown(new TypeError("x is undefined"))).toMatch(/"name":"TypeError","message":"x is undefined","stack":/);
});
