import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkoutOnly } from "../checkout-only.ts";

const script = (name: string) => fileURLToPath(new URL(`../../../scripts/${name}.mjs`, import.meta.url));
const builder = script("build-policies");
const checker = script("check-policies");
/** What `opa` may say in one run. */
const MAX_OUTPUT = 16 * 1024 * 1024;

/** How a run of the compiler ended, and what it said. */
export interface Made {
  readonly ok: boolean;
  readonly said: string;
}

/** Compiles and tests policies in processes of their own, so that the gateway in this one goes on answering. */
export class Workshop {
  readonly #policies: string;
  readonly #out: string;
  readonly #signal: AbortSignal;

  /**
   * @param policies the folder of the sources
   * @param out a folder for what is made
   * @param signal ends what runs
   * @throws LockkeeperError `configuration` where the scripts are missing: in the image
   */
  constructor(policies: string, out: string, signal: AbortSignal) {
    if (!existsSync(builder)) throw checkoutOnly("Policies are made");
    this.#policies = policies;
    this.#out = out;
    this.#signal = signal;
  }

  /** Path of the bundle, which is replaced as a whole. */
  get bundle(): string {
    return join(this.#out, "bundle.tar.gz");
  }

  /** Compiles the sources if they have changed; says nothing when they have not. The bundle before stays if that fails. */
  build(): Promise<Made | undefined> {
    return this.#run(builder, [this.#policies, this.#out]);
  }

  /** Checks types and built-ins, and runs the tests. */
  check(): Promise<Made | undefined> {
    return this.#run(checker, ["--quick", this.#policies]);
  }

  /** @returns undefined when it was ended */
  #run(file: string, args: readonly string[]): Promise<Made | undefined> {
    return new Promise((resolve) => {
      const options = { signal: this.#signal, maxBuffer: MAX_OUTPUT };
      execFile(process.execPath, [file, ...args], options, (error, stdout, stderr) => {
        const made = { ok: error === null, said: `${stdout}${stderr}`.trim() };
        resolve(this.#signal.aborted ? undefined : made);
      });
    });
  }
}
