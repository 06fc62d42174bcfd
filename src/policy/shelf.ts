import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { LockkeeperError } from "../errors.ts";
import { packArchive, readArchive } from "./archive.ts";
import type { Bundle } from "./bundle.ts";
import { type BundleFiles, filesDigest } from "./bundle-files.ts";
import { BundleRefusal } from "./bundle-refusal.ts";
import { replaceFile } from "./replace-file.ts";

/** A bundle that was put in force, as it is kept. */
interface KeptBundle {
  /** Of its files, see `filesDigest`. */
  readonly digest: string;
  readonly revision: string;
  /** When its source said last that this is the newest, epoch milliseconds. */
  readonly confirmedAt: number;
}

const kept = z.strictObject({
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  revision: z.string(),
  confirmedAt: z.number(),
});

const stateSchema = z.strictObject({
  format: z.literal(1),
  /** The newest that was ever put in force: nothing older is, unless an operator says so. */
  newest: z.strictObject({ revision: z.string(), createdAt: z.number() }).optional(),
  good: kept.optional(),
  /** What was in force before it. */
  before: kept.optional(),
  /** Digests of bundles that were too slow in service. */
  quarantined: z.array(z.string()).default([]),
});

type State = Readonly<z.output<typeof stateSchema>>;

/** More quarantined bundles than anybody ships; the oldest are forgotten. */
const MAX_QUARANTINED = 64;
/** How far the clock of whoever builds bundles may be ahead of ours. */
const CLOCK_SKEW_MS = 5 * 60_000;
/** A source confirms a bundle with each look; on disk that is as good when it is a little older. */
const CONFIRMATION_MS = 60_000;

export interface ShelfOptions {
  /** Without one nothing outlives the process: for bundles that come with the installation. */
  readonly folder?: string | undefined;
  /** A revision that is accepted although a newer one was in force. */
  readonly allowRollbackTo?: string | undefined;
  /** Whether a bundle must say when it was built. */
  readonly dated: boolean;
}

/**
 * What this gateway remembers of bundles: the last good one and the one before it, whole; the newest that it has seen;
 * those that it has had to quarantine. In a folder of its own, each file replaced as a whole and synced.
 */
export class BundleShelf {
  readonly #options: ShelfOptions;
  #state: State;
  #savedAt = Number.NEGATIVE_INFINITY;

  private constructor(options: ShelfOptions, state: State) {
    this.#options = options;
    this.#state = state;
  }

  /** @throws LockkeeperError `policy-unavailable` when what is remembered cannot be read: it guards against going back */
  static async open(options: ShelfOptions): Promise<BundleShelf> {
    const { folder } = options;
    const file = folder === undefined ? undefined : join(folder, STATE);
    try {
      const text = file === undefined ? undefined : await readFile(file, "utf8").catch(undefinedIfMissing);
      return new BundleShelf(options, stateSchema.parse(text === undefined ? { format: 1 } : JSON.parse(text)));
    } catch (cause) {
      throw new LockkeeperError(
        "policy-unavailable",
        `Cannot read ${file}, which remembers the newest policies so that none goes back to older ones. Restore it, or remove its folder if you know that the configured source has the newest.`,
        {},
        { cause },
      );
    }
  }

  get good(): KeptBundle | undefined {
    return this.#state.good;
  }

  /**
   * Whether a verified bundle may be put in force, by its age.
   * @param now epoch milliseconds
   * @throws BundleRefusal `bundle-quarantined`, `bundle-postdated`, `bundle-undated` or `bundle-older`
   */
  admit({ revision, createdAt }: Bundle, digest: string, now: number): void {
    const { newest, quarantined } = this.#state;
    if (quarantined.includes(digest)) {
      throw new BundleRefusal(
        "bundle-quarantined",
        `The bundle ${revision} was too slow in service and is quarantined.`,
      );
    }
    // Also of one that an operator names: once it was in force, every bundle with the right date would be older.
    if (createdAt !== undefined && createdAt > now + CLOCK_SKEW_MS) {
      throw new BundleRefusal(
        "bundle-postdated",
        `The bundle ${revision} says that it was built at ${time(createdAt)}, and here it is ${time(now)}. Set the clock that is wrong; if it is that of the build, build the bundle again.`,
        { mayPass: true },
      );
    }
    if (revision === this.#options.allowRollbackTo) return;
    if (createdAt === undefined) {
      if (!this.#options.dated && newest === undefined) return;
      throw new BundleRefusal(
        "bundle-undated",
        `The bundle ${revision} does not say when it was built (metadata.lockkeeper.createdAt in its .manifest), so it cannot be told from an older one.`,
      );
    }
    if (newest === undefined || createdAt > newest.createdAt) return;
    if (createdAt === newest.createdAt && revision === newest.revision) return;
    throw new BundleRefusal(
      "bundle-older",
      `The bundle ${revision} was built at ${time(createdAt)}, not after ${newest.revision} (${time(newest.createdAt)}), which was in force. To go back to it, set policy.allowRollbackTo to its revision.`,
    );
  }

  /** Keeps a bundle as the last good one. It is durable when this resolves. */
  async keep(bundle: Bundle, files: BundleFiles, entry: Omit<KeptBundle, "revision">): Promise<void> {
    const { good, before, newest } = this.#state;
    const { revision, createdAt } = bundle;
    const isNewest = createdAt !== undefined && createdAt > (newest?.createdAt ?? Number.NEGATIVE_INFINITY);
    const state: State = {
      ...this.#state,
      good: { ...entry, revision },
      before: good === undefined || good.digest === entry.digest ? before : good,
      newest: isNewest ? { revision, createdAt } : newest,
    };
    const { folder } = this.#options;
    if (folder !== undefined) {
      await replaceFile(folder, archiveName(entry.digest), await packArchive(files));
    }
    await this.#save(state, entry.confirmedAt);
    await this.#tidy();
  }

  /** The source says that the last good bundle is still the newest. On disk once in a while only. */
  async confirm(at: number): Promise<void> {
    const { good } = this.#state;
    if (good === undefined) return;
    const state = { ...this.#state, good: { ...good, confirmedAt: at } };
    if (Math.abs(at - this.#savedAt) >= CONFIRMATION_MS) await this.#save(state, at);
    else this.#state = state;
  }

  /** Never again the last good bundle: what was in force before it is, as far as it is known. */
  async quarantine(digest: string, now: number): Promise<void> {
    const { good, before, quarantined } = this.#state;
    const state: State = {
      ...this.#state,
      // As fresh as the one that it stands in for.
      good: good?.digest === digest ? before && { ...before, confirmedAt: good.confirmedAt } : good,
      before: undefined,
      quarantined: [...quarantined.filter((each) => each !== digest), digest].slice(-MAX_QUARANTINED),
    };
    await this.#save(state, now);
    await this.#tidy();
  }

  /**
   * The files of the last good bundle; undefined when there is none. They are as they were kept, but whoever takes them
   * verifies them again.
   * @throws Error when they cannot be read, or are not what was kept
   */
  async read(): Promise<BundleFiles | undefined> {
    const { good } = this.#state;
    const { folder } = this.#options;
    if (good === undefined || folder === undefined) return undefined;
    const files = readArchive(await readFile(join(folder, archiveName(good.digest))));
    if (filesDigest(files) !== good.digest) throw new Error("the last good bundle is not as it was kept");
    return files;
  }

  async #save(state: State, at: number): Promise<void> {
    const { folder } = this.#options;
    if (folder !== undefined) {
      await replaceFile(folder, STATE, `${JSON.stringify(state)}\n`);
    }
    this.#state = state;
    this.#savedAt = at;
  }

  async #tidy(): Promise<void> {
    const { folder } = this.#options;
    if (folder === undefined) return;
    const { good, before } = this.#state;
    const wanted = [good, before].flatMap((each) => (each === undefined ? [] : [archiveName(each.digest)]));
    const names = await readdir(folder);
    await Promise.all(
      names
        .filter((name) => name !== STATE && !wanted.includes(name))
        .map((name) => rm(join(folder, name), { force: true })),
    );
  }
}

const STATE = "state.json";

function archiveName(digest: string): string {
  return `${digest}.tar.gz`;
}

function undefinedIfMissing(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
  throw error;
}

function time(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
