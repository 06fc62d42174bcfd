/**
 * Lets one thing be done at a time, and waits for it no longer than so many milliseconds. What hangs (a network share)
 * holds a thread for each try, so nothing else is tried until it has come to an end.
 */
export class OneAtATime {
  readonly #timeoutMs: number;
  #underWay: Promise<unknown> | undefined;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** @throws Error when it takes too long, or an earlier one still hangs; else as `what` does */
  async run<T>(what: () => Promise<T>): Promise<T> {
    if (this.#underWay !== undefined) throw new Error("an earlier try still hangs");
    const result = what();
    this.#underWay = result.then(
      () => this.#ended(),
      () => this.#ended(),
    );
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${this.#timeoutMs} ms`)), this.#timeoutMs);
    });
    try {
      return await Promise.race([result, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #ended(): void {
    this.#underWay = undefined;
  }
}
