import { LockkeeperError } from "../../errors.ts";
import { parseVerifier } from "../../tlog/note.ts";
import type { LogReader } from "../log-reader.ts";
import { Background } from "./background.ts";
import { Changes } from "./changes.ts";
import { Findings } from "./findings.ts";
import { Heads } from "./heads.ts";
import { outlineOf } from "./outline.ts";
import { Outside } from "./outside.ts";
import { Pruned } from "./pruned.ts";
import { RecordPass } from "./record-pass.ts";
import { compareBeginning } from "./recovery.ts";
import { TreeCheck } from "./tree-check.ts";
import type { Verification, VerifyOptions } from "./verification.ts";

/**
 * Verifies a log in one pass: every body is hashed and compared with its leaf; the tree is built anew and compared with
 * every stored hash, every signed head, every receipt and checkpoint from outside; every step of a change is matched with
 * its intent. Does not stop at a fault. Memory does not grow with the log, but for a few bytes for each change.
 * @throws NoteError for a trusted key that is none; LockkeeperError `audit-unreadable` when there is no log at all
 */
export async function verifyLog(reader: LogReader, options: VerifyOptions): Promise<Verification> {
  const { trustedKeys, receipts = [], checkpoints = [], now } = options;
  const size = await reader.size();
  const findings = new Findings();
  const outside = new Outside({ receipts, checkpoints }, trustedKeys.map(parseVerifier), findings);
  const tree = new TreeCheck(reader, findings);
  const changes = new Changes(findings);
  const pruned = new Pruned();
  const background = new Background(trustedKeys);
  const pass = new RecordPass({ tree, changes, pruned, outside, background, findings });
  const heads = new Heads(reader, background, options.origin, findings);
  try {
    await look(reader, options, { size, heads, outside, tree, changes, pruned, pass, findings });
    await pass.settled();
    compareBeginning(heads.origin, pass.first, findings);
    assertLookedAt({ size, heads, tree, findings });
  } finally {
    await background.close();
  }
  const open = changes.open(now);
  return {
    origin: heads.origin,
    size,
    root: tree.root?.toString("hex"),
    signaturesJudged: trustedKeys.length > 0,
    checked: {
      ...changes.counts,
      records: pass.records,
      bodies: pass.bodies,
      pruned: pruned.missing,
      nodes: tree.counts.nodes,
      heads: heads.count,
      roots: tree.counts.heads,
      receipts: receipts.length,
      checkpoints: checkpoints.length,
    },
    keys: [...heads.keys.values()],
    open,
    faultCount: findings.count,
    faults: findings.faults,
  };
}

interface Parts {
  readonly size: number;
  readonly heads: Heads;
  readonly outside: Outside;
  readonly tree: TreeCheck;
  readonly changes: Changes;
  readonly pruned: Pruned;
  readonly pass: RecordPass;
  readonly findings: Findings;
}

/** Looks at all of the log, or as far as it can be read. */
async function look(reader: LogReader, options: VerifyOptions, parts: Parts): Promise<void> {
  const { size, tree, changes, pruned, pass, findings } = parts;
  try {
    await readAll(reader, options, parts);
    pass.skipTo(size);
    await compareEnds(parts);
    await tree.end();
    pruned.end(findings);
    for (const message of (await reader.oddities?.()) ?? []) findings.add("export-damaged", null, message);
    if (changes.strays.size > 0) await lookAgain(reader, options, { size, strays: changes.strays, findings });
  } catch (error) {
    if (!(error instanceof LockkeeperError)) throw error;
    findings.add("unreadable", pass.next, `From record ${pass.next} on the log cannot be verified: ${error.message}`);
  }
}

async function readAll(
  reader: LogReader,
  { onProgress }: VerifyOptions,
  { size, heads, outside, tree, pass }: Parts,
): Promise<void> {
  tree.expect([...(await heads.upTo(0)), ...outside.between(-1, 0)]);
  let read = 0;
  for await (const entries of reader.records(0, size)) {
    const end = (entries.at(-1)?.index ?? -1) + 1;
    const marks = [...(await heads.upTo(end)), ...outside.between(read, end)];
    tree.expect(marks.sort((one, other) => one.size - other.size));
    await pass.takeAll(entries);
    await tree.compareNodes();
    read = end;
    onProgress?.(end, size);
  }
}

/** Whether the log ends where its newest head says, and reaches as far as what is known of it outside. */
async function compareEnds({ size, heads, outside, findings }: Parts): Promise<void> {
  const [beyond] = await heads.upTo(Number.POSITIVE_INFINITY);
  const newest = heads.newest;
  if (beyond !== undefined) {
    const message = `The newest signed head is of ${newest} records, and there are ${size}: the end of the log is missing.`;
    findings.add("truncated", size, message);
  } else if (newest < size) {
    const message = `No signed head covers the records ${newest} to ${size - 1}.`;
    findings.add("unsigned-tail", newest, message);
  }
  outside.compareEnd(size, heads.origin, findings);
}

/** Nothing is called sound of which a part was passed over. */
function assertLookedAt({ size, heads, tree, findings }: Pick<Parts, "size" | "heads" | "tree" | "findings">): void {
  if (findings.count > 0 || (tree.size === size && tree.counts.heads === heads.count)) return;
  const [records, roots] = [size - tree.size, heads.count - tree.counts.heads];
  findings.add("unreadable", null, `${records} records and ${roots} signed heads were not compared.`);
}

/** Judges the changes that had more steps after their end. */
async function lookAgain(
  reader: LogReader,
  { onProgress }: VerifyOptions,
  { size, strays, findings }: { size: number; strays: ReadonlySet<string>; findings: Findings },
): Promise<void> {
  const changes = new Changes(findings, strays);
  for await (const entries of reader.records(0, size)) {
    for (const { index, body } of entries) {
      const outline = body === null ? undefined : outlineOf(body);
      if (body === null || outline === undefined) changes.skip();
      else changes.take(index, outline, body);
    }
    onProgress?.((entries.at(-1)?.index ?? 0) + 1, size);
  }
}
