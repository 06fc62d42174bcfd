import type { Bundle } from "./bundle.ts";
import { type BundleFiles, filesDigest } from "./bundle-files.ts";
import { BundleRefusal } from "./bundle-refusal.ts";
import { believed, prepared, unpacked } from "./check-bundle.ts";
import type { DataUpdates } from "./data-updates.ts";
import type { PolicyDecisionPoint } from "./pdp.ts";
import type { PreparedPolicy } from "./preparation.ts";
import { type Enforcement, putInForce } from "./put-in-force.ts";
import { SeenVersion } from "./seen-version.ts";
import type { BundleShelf } from "./shelf.ts";
import type { Verification } from "./signing/verify.ts";
import type { Look } from "./sources/source.ts";
import { nextTurn } from "./turn.ts";
import type { PolicyTroubles } from "./update-troubles.ts";

interface BundleUpdatesOptions extends Enforcement {
  readonly pdp: Pick<PolicyDecisionPoint, "prepare" | "swap" | "active">;
  readonly shelf: BundleShelf;
  readonly verification?: Verification | undefined;
  readonly troubles: PolicyTroubles;
  readonly data: Pick<DataUpdates, "newest" | "newestIsInForce" | "candidatesFor">;
}

/** A bundle that may be put in force. */
interface Accepted {
  readonly files: BundleFiles;
  readonly digest: string;
  readonly next: PreparedPolicy;
}

/** Checks the bundles that a source gives, and puts them in force. */
export class BundleUpdates {
  readonly #options: BundleUpdatesOptions;
  readonly #known = new WeakMap<Bundle, string>();
  readonly #seen: SeenVersion;
  #confirmedAt = Number.NEGATIVE_INFINITY;

  constructor(options: BundleUpdatesOptions) {
    this.#options = options;
    this.#seen = new SeenVersion(options.clock);
  }

  /** The version that was looked at last; undefined when whatever there is is to be looked at. */
  get version(): string | undefined {
    return this.#seen.current;
  }

  /** Epoch milliseconds at which the source said last that what is in force is its newest. */
  get confirmedAt(): number {
    return this.#confirmedAt;
  }

  /** See `filesDigest`; undefined for a bundle that came another way. */
  digestOf(bundle: Bundle): string | undefined {
    return this.#known.get(bundle);
  }

  /** What is there is looked at again as if it were new. */
  forget(): void {
    this.#seen.forget();
  }

  /** What came of a look at the source. Rejects when a bundle failed for a reason that is not the bundle's. */
  async take(look: Look): Promise<void> {
    if (look.kind === "bundle") return this.#take(look);
    // The source may have nothing newer than what was refused: then what is in force is not its newest.
    if (!this.#options.troubles.isRefused("bundle")) await this.#confirm();
  }

  /** Puts the last good bundle in force, if there is one. Rejects when it is not as it was kept. */
  async takeLastGood(): Promise<void> {
    const { shelf, pdp, clock, verification, data } = this.#options;
    const files = await shelf.read();
    if (files === undefined || shelf.good === undefined) return;
    const bundle = await believed(files, verification);
    const next = await prepared(pdp, bundle, data.candidatesFor(bundle));
    this.#known.set(bundle, shelf.good.digest);
    await putInForce(this.#options, next, () => undefined);
    this.#confirmedAt = Math.min(shelf.good.confirmedAt, clock.now());
    if (next.data === data.newest) await data.newestIsInForce();
  }

  async #take(look: Extract<Look, { kind: "bundle" }>): Promise<void> {
    const accepted = await this.#accepted(look);
    const isRefused = accepted instanceof BundleRefusal;
    if (accepted === "in-force") await this.#confirm();
    else if (!isRefused) await this.#putInForce(accepted);
    this.#seen.see(look.version, isRefused && accepted.mayPass);
  }

  async #accepted(look: Extract<Look, { kind: "bundle" }>): Promise<Accepted | "in-force" | BundleRefusal> {
    const { pdp, shelf, clock, verification, data, troubles } = this.#options;
    let digest: string | undefined;
    let bundle: Bundle | undefined;
    try {
      const files = unpacked(look);
      await nextTurn();
      digest = filesDigest(files);
      if (pdp.active !== undefined && this.#known.get(pdp.active.bundle) === digest) return "in-force";
      await nextTurn();
      bundle = await believed(files, verification);
      shelf.admit(bundle, digest, clock.now());
      return { files, digest, next: await prepared(pdp, bundle, data.candidatesFor(bundle)) };
    } catch (error) {
      if (!(error instanceof BundleRefusal)) throw error;
      const what = digest ?? look.version ?? "unknown";
      troubles.refuse("bundle", error, { what, revision: bundle?.revision, bundleDigest: digest });
      return error;
    }
  }

  async #putInForce({ files, digest, next }: Accepted): Promise<void> {
    const { shelf, pdp, clock, troubles, data } = this.#options;
    const now = clock.now();
    await shelf.keep(next.bundle, files, { digest, confirmedAt: now });
    this.#known.set(next.bundle, digest);
    await putInForce(this.#options, next, () => pdp.active);
    troubles.clear("bundle");
    this.#confirmedAt = now;
    // Data that was refused before may have come into force with it.
    if (next.data === data.newest) await data.newestIsInForce();
  }

  async #confirm(): Promise<void> {
    const { shelf, clock, troubles } = this.#options;
    troubles.recovered("bundle");
    this.#confirmedAt = clock.now();
    await shelf.confirm(this.#confirmedAt);
  }
}
