import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Bundle } from "./bundle.ts";
import { dataDigest, type PolicyData } from "./data.ts";
import { replaceFile } from "./replace-file.ts";

const stateSchema = z.strictObject({
  format: z.literal(1),
  /** Digests: of a WebAssembly, a blank, and of the data that it was too slow with in service. */
  quarantined: z.array(z.string()),
  /** What was in force before the last of them. */
  standIn: z.record(z.string(), z.unknown()).optional(),
});

type State = Readonly<z.output<typeof stateSchema>>;

const EMPTY: State = { format: 1, quarantined: [] };
const STATE = "state.json";
/** The oldest are forgotten. */
const MAX_QUARANTINED = 64;

/** What this gateway remembers of the site's data: with what policies were too slow, and what is good in its place. */
export class DataShelf {
  readonly #folder: string;
  #state: State;

  private constructor(folder: string, state: State) {
    this.#folder = folder;
    this.#state = state;
  }

  /** What cannot be read is forgotten: it guards against slow decisions only, never against wrong ones. */
  static async open(folder: string): Promise<DataShelf> {
    try {
      return new DataShelf(folder, stateSchema.parse(JSON.parse(await readFile(join(folder, STATE), "utf8"))));
    } catch {
      return new DataShelf(folder, EMPTY);
    }
  }

  /** The last data that was good, once other data was not. */
  get standIn(): PolicyData | undefined {
    return this.#state.standIn;
  }

  isQuarantined(bundle: Bundle, data: PolicyData): boolean {
    return this.#state.quarantined.length > 0 && this.#state.quarantined.includes(pairOf(bundle, data));
  }

  /** Takes effect at once, and is durable when this resolves. */
  async quarantine(bundle: Bundle, data: PolicyData, standIn: PolicyData): Promise<void> {
    const pair = pairOf(bundle, data);
    const others = this.#state.quarantined.filter((each) => each !== pair);
    this.#state = { format: 1, quarantined: [...others, pair].slice(-MAX_QUARANTINED), standIn };
    await this.#save();
  }

  /** Other data is in force now. What was good before is out of date from then on: it may let somebody in again. */
  async forgetStandIn(): Promise<void> {
    if (this.#state.standIn === undefined) return;
    const { standIn: _, ...state } = this.#state;
    this.#state = state;
    await this.#save();
  }

  async #save(): Promise<void> {
    await replaceFile(this.#folder, STATE, `${JSON.stringify(this.#state)}\n`);
  }
}

function pairOf({ wasmDigest }: Bundle, data: PolicyData): string {
  return `${wasmDigest} ${dataDigest(data)}`;
}
