import { randomUUIDv7 } from "node:crypto";
import type { Denial } from "../../src/audit/journal.ts";
import { extraUser } from "../../src/sandbox/iam/seed.ts";
import { aChange, aDenial } from "../fixture/changes.ts";

/** Denials of changes of many users' access keys, as policy leaves them: about 1.8 KB each. */
export function denials(count: number, users = 5_000): Denial[] {
  return Array.from({ length: count }, (_, n) => {
    const { userName, accessKeyId } = extraUser((n % users) + 1);
    return aDenial(
      aChange({
        id: randomUUIDv7(),
        credential: { type: "access-key", id: accessKeyId, userName, account: "123456789012" },
      }),
    );
  });
}
