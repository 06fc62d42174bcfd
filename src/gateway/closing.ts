type Closer = () => Promise<unknown> | unknown;

/** What has been opened so far, and how each part of it is closed. */
export class Closing {
  readonly #closers: Closer[] = [];

  add(closer: Closer): void {
    this.#closers.push(closer);
  }

  /**
   * Closes everything once, what was opened last first. A part that cannot be closed keeps no other from it.
   * @throws AggregateError with all that failed
   */
  async close(): Promise<void> {
    const errors: unknown[] = [];
    for (const closer of this.#closers.splice(0).reverse()) {
      try {
        await closer();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, "not everything could be closed as it should");
  }
}
