/**
 * Runs `callers` loops side by side, each with the next item as soon as its last one is done, until the items are used
 * up or `seconds` are over.
 * @returns how many were done in a second, and how long each took (milliseconds)
 */
export async function loop<T>(
  items: readonly T[],
  callers: number,
  seconds: number,
  work: (item: T) => Promise<unknown>,
): Promise<{ readonly perSecond: number; readonly tookMs: readonly number[] }> {
  const tookMs: number[] = [];
  const start = performance.now();
  let next = 0;
  const caller = async () => {
    while (performance.now() - start < seconds * 1000) {
      const item = items[next];
      next += 1;
      if (item === undefined) return;
      const begun = performance.now();
      await work(item);
      tookMs.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { perSecond: tookMs.length / ((performance.now() - start) / 1000), tookMs };
}
