/** A request as it came off the wire; nothing in it has been believed yet. */
export interface SignedRequest {
  readonly method: string;
  /** The request target as sent, with the query if any. */
  readonly target: string;
  /** In order, names as sent, repeated ones kept. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The raw bytes, before anything is decoded. */
  readonly body: Uint8Array;
}
