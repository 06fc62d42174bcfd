import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { endpointOf } from "../../src/audit/postgres/address.ts";

describe("the address of a PostgreSQL", () => {
  const ssl = (url: string, caFile?: string) => endpointOf({ url, caFile }).ssl;

  it("is taken apart, with the usual port where none is given", () => {
    expect(endpointOf({ url: "postgres://gate%40way@db.example.org/log" })).toMatchObject({
      host: "db.example.org",
      port: 5432,
      user: "gate@way",
      database: "log",
    });
    expect(endpointOf({ url: "postgresql://a@[::1]:6543/b" })).toMatchObject({ host: "::1", port: 6543, ssl: false });
    expect(endpointOf({ url: "postgres://a@%2Frun%2Fpostgresql/b" })).toMatchObject({
      host: "/run/postgresql",
      ssl: false,
    });
  });

  it("is spoken with in the clear on this machine only, unless it says so", () => {
    for (const host of ["localhost", "127.0.0.1", "[::1]"]) expect(ssl(`postgres://a@${host}/b`)).toBe(false);
    for (const host of ["db.example.org", "10.0.0.1"]) {
      expect(ssl(`postgres://a@${host}/b`)).toEqual({ rejectUnauthorized: true });
    }
    expect(ssl("postgres://a@localhost/b?sslmode=verify-full")).toEqual({ rejectUnauthorized: true });
    expect(ssl("postgres://a@db.example.org/b?sslmode=disable")).toBe(false);
  });

  it.each([
    ["a password", "postgres://a:canary@h/b", /passwordFile/],
    ["another scheme", "https://canary@h/b", /no postgres:\/\/ URL/],
    ["no user", "postgres://canary/b", /needs a user, a host and a database/],
    ["no database", "postgres://a@canary", /needs a user, a host and a database/],
    ["a mode that trusts whoever answers", "postgres://a@h/b?sslmode=require", /verify-full, or disable/],
    ["an unknown parameter", "postgres://a@h/b?options=canary", /a parameter other than sslmode/],
    ["a broken escape", "postgres://a@h/%E0%A4%A", /no postgres:\/\/ URL/],
    ["nothing of a URL", "canary", /no postgres:\/\/ URL/],
  ])("is refused with %s, and is not repeated", (_, url, why) => {
    const refused = (() => {
      try {
        return endpointOf({ url });
      } catch (error) {
        return error;
      }
    })();
    expect(refused).toMatchObject({ code: "configuration", message: expect.stringMatching(why) });
    expect(inspect(refused, { depth: 20 })).not.toContain("canary");
  });

  it("is refused when its certificates cannot be read, or are of no use", () => {
    expect(() => ssl("postgres://a@h/b", "/nowhere/ca.pem")).toThrow(/caFile \/nowhere\/ca\.pem cannot be read/);
    expect(() => ssl("postgres://a@h/b?sslmode=disable", "/nowhere/ca.pem")).toThrow(/of no use with sslmode=disable/);
  });

  it("takes nothing from the environment", async () => {
    const { password } = endpointOf({ url: "postgres://a@h/b" });
    await expect(password()).rejects.toThrow(/name its file in passwordFile/);
  });
});
