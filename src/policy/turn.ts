/**
 * Lets whoever waits be answered before the work goes on. Making policies ready is some dozens of milliseconds of work,
 * and as long as it is done in one piece no request is answered.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const A_WHILE_MS = 2;

/** The same, and leaves them more time than the work takes: nobody waits for new policies as for an answer. */
export function afterAWhile(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, A_WHILE_MS));
}
