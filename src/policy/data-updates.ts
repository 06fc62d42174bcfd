import { LockkeeperError } from "../errors.ts";
import type { Bundle } from "./bundle.ts";
import { BundleRefusal } from "./bundle-refusal.ts";
import { type DataSource, dataDigest, type PolicyData } from "./data.ts";
import type { DataShelf } from "./data-shelf.ts";
import type { PolicyDecisionPoint } from "./pdp.ts";
import { isSlowTrial, type PreparedPolicy } from "./preparation.ts";
import { type Enforcement, putInForce } from "./put-in-force.ts";
import { SeenVersion } from "./seen-version.ts";
import type { PolicyTroubles } from "./update-troubles.ts";

interface DataUpdatesOptions extends Enforcement {
  readonly source: DataSource;
  readonly shelf: DataShelf;
  readonly pdp: Pick<PolicyDecisionPoint, "prepare" | "swap" | "active" | "lastGood">;
  readonly troubles: PolicyTroubles;
}

/** Keeps the site's data up to date, beside the bundle that is in force. */
export class DataUpdates {
  readonly #options: DataUpdatesOptions;
  readonly #seen: SeenVersion;
  #newest: PolicyData | undefined;

  constructor(options: DataUpdatesOptions) {
    this.#options = options;
    this.#seen = new SeenVersion(options.clock);
  }

  /** The newest data that could be read, in force or not: it may fit the next bundle. */
  get newest(): PolicyData | undefined {
    return this.#newest;
  }

  /**
   * The data to try a bundle with, the best first. The newest is the last resort where it was too slow with it: a slow
   * decision is better than none.
   */
  candidatesFor(bundle: Bundle): readonly (PolicyData | undefined)[] {
    const { pdp, shelf } = this.#options;
    if (this.#newest === undefined || !shelf.isQuarantined(bundle, this.#newest)) {
      return [this.#newest, pdp.active?.data];
    }
    this.#refuseQuarantined(bundle, this.#newest);
    return [pdp.active?.data, shelf.standIn, this.#newest];
  }

  /** @throws LockkeeperError `configuration` when there is none to start with */
  open(): void {
    const looked = this.#options.source.look(undefined);
    this.#newest = looked?.data;
    this.#seen.see(looked?.version, false);
  }

  /**
   * One look. Rejects when data could not be put in force for a reason that is not the data's.
   * @returns whether there is new data: a bundle that was refused beside the data before may be good beside this
   */
  async look(): Promise<boolean> {
    const looked = this.#read();
    const { active } = this.#options.pdp;
    if (looked === undefined || active === undefined) return false;
    const { version, data } = looked;
    this.#newest = data;
    if (dataDigest(data) !== dataDigest(active.data)) {
      const next = await this.#prepared(active, data);
      if (next instanceof BundleRefusal) {
        this.#seen.see(version, next.mayPass);
        return true;
      }
      // Other policies decide by now: the next look makes it ready with those.
      if (!(await this.#putInForce(active, next))) return false;
    } else {
      this.#options.troubles.recovered("data");
    }
    await this.newestIsInForce();
    this.#seen.see(version, false);
    return true;
  }

  /** To be told when the newest data has come into force with a bundle. */
  async newestIsInForce(): Promise<void> {
    const { shelf, troubles } = this.#options;
    troubles.clear("data");
    await shelf.forgetStandIn();
  }

  /** What is there is looked at again as if it were new. */
  forget(): void {
    this.#seen.forget();
  }

  #read(): ReturnType<DataSource["look"]> {
    try {
      return this.#options.source.look(this.#seen.current);
    } catch (error) {
      if (!(error instanceof LockkeeperError)) throw error;
      this.#refuse(error, error.message);
      // It may come back as it was, with the version that it had.
      this.#seen.forget();
      return undefined;
    }
  }

  async #prepared({ bundle }: PreparedPolicy, data: PolicyData): Promise<PreparedPolicy | BundleRefusal> {
    if (this.#options.shelf.isQuarantined(bundle, data)) return this.#refuseQuarantined(bundle, data);
    try {
      return await this.#options.pdp.prepare(bundle, data);
    } catch (error) {
      return this.#refuse(error, dataDigest(data), bundle.revision);
    }
  }

  /** @returns whether it is in force: what was quarantined in the meantime does not come back with new data */
  async #putInForce(active: PreparedPolicy, next: PreparedPolicy): Promise<boolean> {
    const { pdp } = this.#options;
    const { lastGood } = pdp;
    const isOther = lastGood !== undefined && lastGood.bundle !== active.bundle;
    const standIn = isOther ? await this.#withData(lastGood, next.data) : active;
    const isStillActive = () => pdp.active === active;
    return await putInForce(this.#options, next, () => standIn, isStillActive);
  }

  /** What decides in an emergency has the newest data too, if it can. */
  async #withData(lastGood: PreparedPolicy, data: PolicyData): Promise<PreparedPolicy> {
    try {
      return await this.#options.pdp.prepare(lastGood.bundle, data);
    } catch {
      return lastGood;
    }
  }

  #refuseQuarantined({ revision }: Bundle, data: PolicyData): BundleRefusal {
    const message = `With this data the policies ${revision} were too slow in service, so it is quarantined.`;
    return this.#refuse(new Error(message), dataDigest(data), revision);
  }

  #refuse(error: unknown, what: string, revision?: string): BundleRefusal {
    const message = error instanceof Error ? error.message : String(error);
    const refusal = new BundleRefusal("data-unfit", message, { cause: error, mayPass: isSlowTrial(error) });
    this.#options.troubles.refuse("data", refusal, { what, revision });
    return refusal;
  }
}
