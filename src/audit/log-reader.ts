/**
 * A log to be read from one end to the other, wherever it is kept: a live store, a copy of one, an export. A reader shows
 * the log as it was when the reader was opened, whatever is appended or pruned meanwhile. It judges nothing: what it
 * gives may be tampered with, and is there to be verified.
 */
export interface LogReader {
  /** What is read, for people: a file, a database, a folder. */
  readonly name: string;
  /** One more than the greatest index of a record; 0 of an empty log. */
  size(): Promise<number>;
  /** The checkpoint of the greatest size; undefined when there is none. */
  head(): Promise<StoredCheckpoint | undefined>;
  /** The records `from` (inclusive) to `to` (exclusive) that there are, in order of their index, in chunks. */
  records(from: number, to: number): AsyncIterable<readonly LogEntry[]>;
  /** All signed heads in order of their size, in chunks. */
  checkpoints(): AsyncIterable<readonly StoredCheckpoint[]>;
  /** Stored hashes of complete subtrees of 256^level leaves, in order, `first` to `first + count` (exclusive); level >= 1. */
  nodes(level: number, first: number, count: number): Promise<readonly StoredNode[]>;
  /** Verifier keys (vkeys) that the log says have signed its heads, oldest first. Not to be trusted for that reason. */
  keys(): Promise<readonly string[]>;
  /** After everything was read: sentences about what else is not as it should be, that only this kind of storage has. */
  oddities?(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** A record as it is kept. */
export interface LogEntry {
  readonly index: number;
  /** The stored bytes; null when they have been pruned. */
  readonly body: Buffer | null;
  /** As stored: what RFC 6962, 2.1 makes of the body is compared with it. 32 bytes. */
  readonly leafHash: Buffer;
  /** What a database keeps beside the body to search by. */
  readonly columns?: RecordColumns;
}

export interface RecordColumns {
  /** `metadata.uid` */
  readonly uid: string;
  /** `metadata.correlation_uid` */
  readonly correlation: string;
  /** `metadata.event_code` */
  readonly code: string;
  /** Epoch milliseconds. */
  readonly time: number;
}

export interface StoredCheckpoint {
  /** As stored beside the note, which says it as well. */
  readonly size: number;
  /** A C2SP checkpoint: a signed note. */
  readonly note: string;
}

export interface StoredNode {
  readonly index: number;
  /** 32 bytes. */
  readonly hash: Buffer;
}
