import type { Config } from "../../config.ts";
import { LockkeeperError } from "../../errors.ts";
import type { Part, PolicyEvent } from "../../policy/update-events.ts";
import type { Output } from "../keys.ts";
import { flipLines } from "../replay-report.ts";
import { lastFlips } from "./flips.ts";
import type { Workshop } from "./workshop.ts";

/** Makes bundles of what somebody saves, and tells them what becomes of it. */
export class Desk {
  readonly #workshop: Workshop;
  readonly #data: string;
  readonly #output: Output;
  #config: Config | undefined;
  /** In force, and compiled last. */
  #revision: string | undefined;
  #compiled: string | undefined;
  /** Whether the last save did not come into force. */
  #behind = false;
  /** One message after the other. */
  #told: Promise<void> = Promise.resolve();

  /** @param data path of the site's data */
  constructor(workshop: Workshop, data: string, output: Output) {
    this.#workshop = workshop;
    this.#data = data;
    this.#output = output;
  }

  /** @throws LockkeeperError `policy-unavailable` when there is nothing to start with */
  async first(): Promise<void> {
    const made = await this.#workshop.build();
    if (made?.ok === false) throw new LockkeeperError("policy-unavailable", made.said);
  }

  /** From here on there is a log. */
  open(config: Config): void {
    this.#config = config;
  }

  /** Makes a bundle of each save. Ends with the saves. */
  async work(saved: AsyncIterable<readonly string[]>): Promise<void> {
    try {
      for await (const names of saved) await this.#make(names);
    } catch (error) {
      this.#output.note(`Saves are not looked at any more: ${messageOf(error)}. Start again.`);
    }
  }

  /** What the gateway makes of a bundle, or of data. */
  heard(event: PolicyEvent): void {
    if (event.kind === "activated") {
      this.#revision = event.policy.revision;
      this.#compiled ??= this.#revision;
    }
    this.#behind = event.kind === "refused" || (this.#behind && event.kind !== "activated");
    const config = this.#config;
    if (config === undefined) return;
    this.#told = this.#told
      .then(() => this.#tell(event, config))
      .catch((error: unknown) => this.#output.note(`What flips cannot be told: ${messageOf(error)}`));
  }

  async #make(names: readonly string[]): Promise<void> {
    const { print, note } = this.#output;
    print(`\nSaved: ${names.join(", ")}`);
    const made = await this.#workshop.build();
    if (made === undefined) return;
    if (!made.ok) {
      this.#behind = true;
      note(`${made.said}\n${this.#stays()}`);
      return;
    }
    this.#compiled = /revision (\S+)$/.exec(made.said)?.[1] ?? this.#compiled;
    if (this.#compiled === this.#revision) this.#asInForce();
    const checked = await this.#workshop.check();
    if (checked === undefined) return;
    await this.#told;
    if (checked.ok) print("Types and tests are ok.");
    else note(checked.said);
  }

  async #tell(event: PolicyEvent, config: Config): Promise<void> {
    const { print, note } = this.#output;
    if (event.kind === "refused") note(`Refused (${event.code}): ${event.error.message}\n${this.#stays()}`);
    if (event.kind === "failed") note(`Policies could not be updated, and will be: ${event.error.message}`);
    if (event.kind === "quarantined") {
      note(`Policies ${event.policy.revision} were too slow; ${event.restored.revision} decide again.`);
    }
    if (event.kind === "recovered") this.#recovered(event.part);
    if (event.kind !== "activated") return;
    const flips = await lastFlips(config, event.policy, { bundle: this.#workshop.bundle, data: this.#data });
    if (flips === undefined) return;
    print(`Policies ${event.policy.revision} are in force.`);
    for (const line of flipLines(flips)) print(line);
  }

  #recovered(part: Part): void {
    if (part === "data") this.#output.print("The data are as they are in force.");
    else this.#asInForce();
  }

  #asInForce(): void {
    if (!this.#behind) return;
    this.#behind = false;
    this.#output.print(`Policies ${this.#revision}, as they are in force.`);
  }

  #stays(): string {
    return `Policies ${this.#revision} stay in force.`;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
