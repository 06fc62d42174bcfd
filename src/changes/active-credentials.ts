import type { Credential } from "./credential.ts";

/** Counts the changes that are being made of each credential by this gateway. */
export class ActiveCredentials {
  readonly #active = new Map<string, number>();

  /** @returns whether no other change of this credential is being made */
  enter(credential: Credential): boolean {
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
  }
}

/** As the log's lock has it: names of users compare without case. */
function keyOf({ account, type, userName, id }: Credential): string {
  return `${account} ${type} ${userName.toLowerCase()} ${id}`;
}
