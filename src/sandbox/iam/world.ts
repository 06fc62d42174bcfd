import { createHash } from "node:crypto";
import {
  type CredentialType,
  credentialTypeNames,
  type ObservedStatus,
  type Status,
} from "../../changes/credential.ts";

export interface SandboxCredential {
  readonly type: CredentialType;
  readonly id: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Of a service-specific credential: `codecommit.amazonaws.com`, … */
  readonly service?: string;
  /** Of an access key; absent when it was never used. */
  readonly lastUsed?: LastUsed;
  status: ObservedStatus;
}

interface LastUsed {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly service: string;
  readonly region: string;
}

export interface SandboxUser {
  readonly name: string;
  readonly id: string;
  readonly arn: string;
  readonly createdAt: number;
  /** `/` or `/division/team/` */
  readonly path: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly credentials: Readonly<Record<CredentialType, Map<string, SandboxCredential>>>;
}

export type NewUser = Partial<Pick<SandboxUser, "createdAt" | "path" | "tags">>;

export type NewCredential = Pick<SandboxCredential, "type" | "id"> &
  Partial<Pick<SandboxCredential, "createdAt" | "service" | "status" | "lastUsed">>;

/** The users of one AWS account and their credentials, in memory. */
export class World {
  readonly account: string;
  readonly #users = new Map<string, SandboxUser>();
  readonly #accessKeyOwners = new Map<string, SandboxUser>();

  constructor(account: string) {
    this.account = account;
  }

  /** In the order in which they were added. */
  users(): readonly SandboxUser[] {
    return [...this.#users.values()];
  }

  /** IAM user names are unique without regard to case. */
  user(name: string): SandboxUser | undefined {
    return this.#users.get(name.toLowerCase());
  }

  accessKeyOwner(accessKeyId: string): SandboxUser | undefined {
    return this.#accessKeyOwners.get(accessKeyId);
  }

  credential(userName: string, type: CredentialType, id: string): SandboxCredential | undefined {
    return this.user(userName)?.credentials[type].get(id);
  }

  /** @throws Error when there is a user of that name already */
  addUser(name: string, { createdAt = Date.now(), path = "/", tags = {} }: NewUser = {}): SandboxUser {
    if (this.user(name) !== undefined) throw new Error(`User with name ${name} already exists.`);
    const user = {
      name,
      id: `AIDA${createHash("sha256").update(name.toLowerCase()).digest("hex").slice(0, 17).toUpperCase()}`,
      arn: `arn:aws:iam::${this.account}:user${path}${name}`,
      createdAt,
      path,
      tags,
      credentials: Object.fromEntries(
        credentialTypeNames.map((type) => [type, new Map()]),
      ) as SandboxUser["credentials"],
    };
    this.#users.set(name.toLowerCase(), user);
    return user;
  }

  /** @throws Error when there is no such user */
  addCredential(userName: string, { createdAt = Date.now(), status = "Active", ...rest }: NewCredential): void {
    const user = this.user(userName);
    if (user === undefined) throw new Error(`The user with name ${userName} cannot be found.`);
    user.credentials[rest.type].set(rest.id, { ...rest, createdAt, status });
    if (rest.type === "access-key") this.#accessKeyOwners.set(rest.id, user);
  }

  /** False when the user has no such credential. */
  setStatus(user: SandboxUser, type: CredentialType, id: string, status: Status): boolean {
    const credential = user.credentials[type].get(id);
    if (credential === undefined) return false;
    credential.status = status;
    return true;
  }

  /** Forgets everybody. */
  clear(): void {
    this.#users.clear();
    this.#accessKeyOwners.clear();
  }
}
