import { LockkeeperError } from "../errors.ts";
import type { Credential } from "./credential.ts";

/** Counts the changes that are being made of each credential by this gateway. */
export class ActiveCredentials {
  readonly #active = new Map<string, number>();
  #whenIdle: (() => void) | undefined;

  /**
   * @returns whether no other change of this credential is being made
   * @throws LockkeeperError `audit-unavailable` once {@link close} has been called
   */
  enter(credential: Credential): boolean {
    if (this.#whenIdle !== undefined) {
      throw new LockkeeperError("audit-unavailable", "Lockkeeper is stopping, so nothing was sent to IAM. Try again.", {
        retryAfter: 1,
      });
    }
    const key = keyOf(credential);
    const others = this.#active.get(key) ?? 0;
    this.#active.set(key, others + 1);
    return others === 0;
  }

  leave(credential: Credential): void {
    const key = keyOf(credential);
    const others = (this.#active.get(key) ?? 1) - 1;
    if (others === 0) this.#active.delete(key);
    else this.#active.set(key, others);
    if (this.#active.size === 0) this.#whenIdle?.();
  }

  /** Lets no further change in; resolves when none is being made any more. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenIdle = resolve;
      if (this.#active.size === 0) resolve();
    });
  }
}

/** As the log's lock has it: names of users compare without case. */
function keyOf({ account, type, userName, id }: Credential): string {
  return `${account} ${type} ${userName.toLowerCase()} ${id}`;
}
