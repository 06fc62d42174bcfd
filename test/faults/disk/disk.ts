import type { Effect } from "./effect.ts";

const SECTOR = 512;

type Write = Extract<Effect, { kind: "write" }>;
type Pending = readonly (Write | Extract<Effect, { kind: "truncate" }>)[];

interface StoredFile {
  /** What a sync has made sure of. */
  durable: Buffer;
  /** What was done since then, in order. */
  pending: Pending[number][];
}

type DirectoryChange = Extract<Effect, { kind: "create" }> | Extract<Effect, { kind: "remove" }>;

/** Which of the writes that were never synced a disk holds after a power cut. */
export const losses = ["nothing", "everything", "some", "torn", "newest", "oldest", "size-only"] as const;
export type Loss = (typeof losses)[number];

/**
 * A disk with a volatile cache, as POSIX allows it to be: what was synced is there after a power cut; of the rest each
 * sector of 512 bytes may be there or not, whatever the order in which it was written, and a file may have grown without
 * the bytes in it. The entries of the folder change in their order, but not before they are synced either.
 */
export class Disk {
  readonly #files = new Map<number, StoredFile>();
  readonly #entries = new Map<string, number>();
  #changes: DirectoryChange[] = [];

  apply(effect: Effect): void {
    switch (effect.kind) {
      case "create":
        this.#files.set(effect.file, { durable: Buffer.alloc(0), pending: [] });
        this.#changes.push(effect);
        return;
      case "remove":
        this.#changes.push(effect);
        return;
      case "sync-folder":
        for (const change of this.#changes) changeEntry(this.#entries, change);
        this.#changes = [];
        return;
      case "write":
      case "truncate":
        this.#file(effect.file).pending.push(effect);
        return;
      case "sync": {
        const file = this.#file(effect.file);
        // After a sync that failed the kernel calls the pages clean, and no later sync writes them.
        if (!effect.failed) file.durable = grown(file.durable, file.pending);
        file.pending = [];
        return;
      }
      case "acknowledge":
        return;
    }
  }

  /** The folder after a power cut in this moment. */
  afterPowerCut(random: () => number): Map<string, Buffer> {
    const entries = new Map(this.#entries);
    const kept = Math.floor(random() * (this.#changes.length + 1));
    for (const change of this.#changes.slice(0, kept)) changeEntry(entries, change);
    const image = new Map<string, Buffer>();
    for (const [name, number] of entries) {
      const loss = losses[Math.floor(random() * losses.length)] ?? "nothing";
      image.set(name, remains(this.#file(number), loss, random));
    }
    return image;
  }

  #file(number: number): StoredFile {
    const file = this.#files.get(number);
    if (file === undefined) throw new Error(`there is no file ${number}`);
    return file;
  }
}

function changeEntry(entries: Map<string, number>, change: DirectoryChange): void {
  if (change.kind === "create") entries.set(change.name, change.file);
  else entries.delete(change.name);
}

function remains({ durable, pending }: StoredFile, loss: Loss, random: () => number): Buffer {
  const middle = Math.floor(random() * pending.length);
  switch (loss) {
    case "nothing":
      return durable;
    case "everything":
      return grown(durable, pending);
    case "some":
      return grown(
        durable,
        pending.filter(() => random() < 0.5),
      );
    case "newest":
      return grown(durable, pending.slice(middle));
    case "oldest":
      return grown(durable, pending.slice(0, middle).concat(torn(pending.slice(middle, middle + 1), random)));
    case "torn":
      return grown(durable, torn(pending, random));
    case "size-only": {
      const size = Math.max(durable.length, ...pending.map((one) => (one.kind === "write" ? endOf(one) : 0)));
      return Buffer.concat([durable, Buffer.alloc(size - durable.length)]);
    }
  }
}

/** Half of the sectors of each write. */
function torn(pending: Pending, random: () => number): Pending {
  return pending.flatMap((one): Pending => {
    if (one.kind === "truncate") return random() < 0.5 ? [one] : [];
    const parts: Write[] = [];
    for (let at = one.offset; at < endOf(one); ) {
      const end = Math.min(endOf(one), (Math.floor(at / SECTOR) + 1) * SECTOR);
      if (random() < 0.5) {
        parts.push({ ...one, offset: at, data: one.data.subarray(at - one.offset, end - one.offset) });
      }
      at = end;
    }
    return parts;
  });
}

/** Always a copy when there is anything to do. */
function grown(durable: Buffer, pending: Pending): Buffer {
  let size = durable.length;
  let most = size;
  for (const one of pending) {
    size = one.kind === "write" ? Math.max(size, endOf(one)) : one.size;
    most = Math.max(most, size);
  }
  const content = Buffer.alloc(most);
  durable.copy(content);
  for (const one of pending) {
    if (one.kind === "write") one.data.copy(content, one.offset);
    // What is cut off is zero when the file grows again.
    else content.fill(0, one.size);
  }
  return content.subarray(0, size);
}

function endOf({ offset, data }: Write): number {
  return offset + data.length;
}
