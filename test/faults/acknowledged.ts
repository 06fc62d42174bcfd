/** A record of which somebody was told that it is durable; without a place in the log if it was told too early. */
export interface Acknowledged {
  readonly uid: string;
  readonly index?: number;
  /** 64 hex digits. */
  readonly leafHash?: string;
  /** A c2sp.org/tlog-proof. */
  readonly proof?: string;
}

/** The lines of a writer's output that acknowledge something; a line that was cut off is none. */
export function acknowledgedIn(output: string): Acknowledged[] {
  return output
    .split("\n")
    .slice(0, -1)
    .filter((line) => line.startsWith("ack "))
    .map((line) => JSON.parse(line.slice(4)) as Acknowledged);
}
