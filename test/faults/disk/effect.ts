import type { Acknowledged } from "../acknowledged.ts";

/**
 * What a program did to the files of one folder, and what it acknowledged, in order. A file is a number, so that one that
 * was deleted is told from the next one of its name.
 */
export type Effect =
  | { readonly kind: "write"; readonly file: number; readonly offset: number; data: Buffer }
  | { readonly kind: "truncate"; readonly file: number; readonly size: number }
  /** `failed`: the kernel has told the program, and forgotten what it had to write. */
  | { readonly kind: "sync"; readonly file: number; failed: boolean }
  | { readonly kind: "create"; readonly name: string; readonly file: number }
  | { readonly kind: "remove"; readonly name: string }
  | { readonly kind: "sync-folder" }
  | { readonly kind: "acknowledge"; readonly acknowledged: Acknowledged };
