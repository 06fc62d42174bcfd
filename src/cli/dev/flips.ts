import type { ActivatedPolicy } from "../../audit/policy-record.ts";
import { configDigest } from "../../config/digest.ts";
import type { Config } from "../../config.ts";
import { loadBundle } from "../../policy/bundle.ts";
import { loadData } from "../../policy/data.ts";
import { startOfLast } from "../../policy/replay/last-decisions.ts";
import type { Replay } from "../../policy/replay/replay.ts";
import { replayLog } from "../../policy/replay/replay-log.ts";
import { openConfiguredLog } from "../log-source.ts";

/** Decisions that are put before new policies. */
const DECISIONS = 100;

/**
 * What policies make of the newest decisions on the log.
 * @param policy what is in force
 * @param files where it came from
 * @returns undefined when the files hold something newer by now, which will be in force in a moment
 * @throws LockkeeperError when the log or the files cannot be read
 */
export async function lastFlips(
  config: Config,
  policy: ActivatedPolicy,
  files: { readonly bundle: string; readonly data: string },
): Promise<Replay | undefined> {
  const bundle = loadBundle(files.bundle);
  const data = loadData(files.data);
  if (bundle.wasmDigest !== policy.wasmDigest || configDigest(data) !== policy.dataDigest) return undefined;
  const reader = await openConfiguredLog(config);
  try {
    const from = await startOfLast(DECISIONS, reader);
    const ownUserNames = [config.iam.ownUserName].filter((name) => name !== undefined);
    return await replayLog(reader, { bundle, data, from, ownUserNames });
  } finally {
    await reader.close();
  }
}
