import { fileMemory } from "./file-memory.ts";
import { httpMemory } from "./http-memory.ts";
import type { OutsideMemory } from "./memory.ts";
import { witness } from "./witness.ts";

/** Where the newest checkpoint goes, as it is configured (`audit.outside`). */
export interface OutsideSettings {
  readonly file?: string | undefined;
  readonly url?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly witness?: { readonly url: string; readonly publicKey: string } | undefined;
}

/** Milliseconds for one exchange with a memory. */
const TIMEOUT_MS = 5_000;

/** The configured memories; none of them is asked yet. */
export function outsideMemories(settings: OutsideSettings, timeoutMs = TIMEOUT_MS): readonly OutsideMemory[] {
  const { file, url, tokenFile } = settings;
  return [
    ...(file === undefined ? [] : [fileMemory({ file, timeoutMs })]),
    ...(url === undefined ? [] : [httpMemory({ url, tokenFile, timeoutMs })]),
    ...(settings.witness === undefined ? [] : [witness({ ...settings.witness, timeoutMs })]),
  ];
}
