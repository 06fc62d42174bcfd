import type { Journal, Receipt } from "../audit/journal.ts";
import type { ChangeReceipt, StatusChange } from "../changes/status-change.ts";
import { LockkeeperError } from "../errors.ts";
import { parseProof, proofInParts, proofText } from "../tlog/tlog-proof.ts";

/** The change with the proof of its newest record, which a change that has just ended has already. */
export async function withProof(journal: Pick<Journal, "proven">, state: StatusChange): Promise<StatusChange> {
  if (state.receipt.proof !== undefined) return state;
  return { ...state, receipt: await proveReceipt(journal, state.receipt) };
}

/** The receipt with its proof, or with null where that cannot be had now: a change must not go untold for it. */
async function proveReceipt(journal: Pick<Journal, "proven">, { index, leafHash }: Receipt): Promise<ChangeReceipt> {
  const proven = await journal.proven(index).catch(() => undefined);
  return { index, leafHash, proof: proven?.proof ?? null };
}

/** For whoever may see what became of a change and not what is on record of who asked: the proof without the record. */
export function withoutRecord(state: StatusChange): StatusChange {
  const { receipt } = state;
  if (receipt.proof === undefined || receipt.proof === null) return state;
  const { index, proof, checkpoint } = parseProof(proofText(receipt.proof));
  return { ...state, receipt: { ...receipt, proof: proofInParts({ index, proof, checkpoint }) } };
}

/** When the outcome could not be recorded, the intent still is: whoever asked for the change gets the receipt of that. */
export async function withReceiptOfIntent(
  journal: Pick<Journal, "recordsOf" | "proven">,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof LockkeeperError) || error.code !== "outcome-unrecorded") return error;
  const { changeId = "" } = error.details;
  const records = await journal.recordsOf(changeId).catch(() => []);
  const last = records.at(-1);
  if (last === undefined) return error;
  const receipt = await proveReceipt(journal, last);
  return new LockkeeperError(error.code, error.message, { ...error.details, receipt }, { cause: error.cause });
}
