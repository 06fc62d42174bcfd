import { type Outline, object, unmappedOf } from "./outline.ts";

/** What a recovery has copied from the log before: the records behind the first one, as they were found. */
export interface CarriedOver {
  readonly records: number;
  /** Whether some of them had been changed, so that they may be anything. */
  readonly damaged: boolean;
}

/** @param first the log's first record; of any but that of a recovery nothing was carried over */
export function carriedOver({ code }: Outline, first: Buffer): CarriedOver {
  if (code !== "lockkeeper.audit.recovered") return { records: 0, damaged: false };
  const { records, damaged } = object(unmappedOf(first)["carried"]) ?? {};
  return {
    records: Number.isSafeInteger(records) ? Number(records) : 0,
    damaged: Array.isArray(damaged) && damaged.length > 0,
  };
}
