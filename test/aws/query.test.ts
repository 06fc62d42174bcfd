import { describe, expect, it } from "vitest";
import { parseQuery } from "../../src/aws/query.ts";
import { AwsRefusal } from "../../src/aws/refusal.ts";

const form = "application/x-www-form-urlencoded; charset=utf-8";

function parse(body: string | Uint8Array, contentType: string | undefined = form) {
  return parseQuery(contentType, typeof body === "string" ? Buffer.from(body) : body);
}

function refused(body: string | Uint8Array, contentType?: string): AwsRefusal {
  try {
    parse(body, contentType);
  } catch (error) {
    if (error instanceof AwsRefusal) return error;
    throw error;
  }
  throw new Error("it was taken");
}

describe("a form body", () => {
  it("is an action, its version, and the action's parameters", () => {
    const { action, version, parameters } = parse(
      "Action=GetUser&Version=2010-05-08&UserName=Bob%2Bops%40example&X=a+b",
    );
    expect([action, version]).toEqual(["GetUser", "2010-05-08"]);
    expect([...parameters]).toEqual([
      ["UserName", "Bob+ops@example"],
      ["X", "a b"],
    ]);
  });

  it.each([
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded;charset=UTF-8",
    'Application/X-WWW-Form-Urlencoded ; charset="utf-8" ',
  ])("may be of the type %s", (type) => {
    expect(parse("Action=GetUser", type).action).toBe("GetUser");
  });

  it.each([
    "application/json",
    "text/plain",
    "application/x-www-form-urlencodedx",
    "application/x-www-form-urlencoded; charset=latin1",
  ])("of the type %s names no action", (type) => {
    expect(refused("Action=GetUser", type)).toMatchObject({ status: 400, code: "MissingAction" });
  });

  it.each(["", "Version=2010-05-08", "Action="])("that is %j names no action", (body) => {
    expect(refused(body)).toMatchObject({ status: 400, code: "MissingAction" });
  });

  it.each([
    ["an escape that is none", "Action=GetUser&UserName=%zz"],
    ["an escape that is cut off", "Action=GetUser&UserName=%4"],
    ["escapes that are no UTF-8", "Action=GetUser&UserName=%ff"],
    ["an overlong escape", "Action=GetUser&UserName=%c0%af"],
    ["a surrogate", "Action=GetUser&UserName=%ed%a0%80"],
    ["bytes that are no UTF-8", Buffer.from([...Buffer.from("Action=GetUser&UserName="), 0xff])],
    ["letters that are not ASCII", "Action=GetUser&UserName=Bøb"],
    ["a blank", "Action=GetUser&UserName=B ob"],
    ["a new line", "Action=GetUser\n&UserName=Bob"],
    ["no equals sign", "Action=GetUser&UserName"],
    ["no name", "Action=GetUser&=Bob"],
    ["an empty pair", "Action=GetUser&&UserName=Bob"],
    ["an ampersand at the end", "Action=GetUser&"],
    ["an escaped name", "Action=GetUser&User%4eame=Bob"],
    ["a name with a meaning in JavaScript", "Action=GetUser&__proto__=Bob"],
    ["two actions", "Action=GetUser&Action=ListUsers"],
    ["two users", "Action=GetUser&UserName=Bob&UserName=sofia"],
    ["too many parameters", `Action=GetUser${Array.from({ length: 64 }, (_, n) => `&P${n}=1`).join("")}`],
  ])("with %s is refused, and nothing of it is repeated", (_what, body) => {
    const refusal = refused(body);
    expect(refusal).toMatchObject({ status: 400, code: "MalformedQueryString" });
    expect(refusal.message).not.toMatch(/Bob|proto/);
  });

  it("gives no name a meaning of its own", () => {
    const { parameters } = parse("Action=GetUser&constructor=1&toString=2");
    expect([...parameters.keys()]).toEqual(["constructor", "toString"]);
  });
});
