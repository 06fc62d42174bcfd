import type { LogEntry, LogReader } from "../../audit/log-reader.ts";
import { pastDecisionIn } from "./past-decision.ts";

/** Records that are read at once, from the end backwards. */
const STRETCH = 512;

/**
 * Where the newest decisions of a log begin.
 * @returns the index of the record from which on there are that many decisions; 0 when there are fewer
 * @throws LockkeeperError `audit-unreadable`
 */
export async function startOfLast(decisions: number, reader: Pick<LogReader, "size" | "records">): Promise<number> {
  let left = decisions;
  for (let to = await reader.size(); to > 0; to -= STRETCH) {
    const entries: LogEntry[] = [];
    for await (const chunk of reader.records(Math.max(0, to - STRETCH), to)) entries.push(...chunk);
    for (const { index, body } of entries.reverse()) {
      if (body !== null && typeof pastDecisionIn(body) === "object") left -= 1;
      if (left === 0) return index;
    }
  }
  return 0;
}
