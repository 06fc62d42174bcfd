import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";

/**
 * The environment of a thread: nothing of the process's, which may hold secrets, but where compiled code is kept. With that
 * a thread that runs sources does not strip their types again, by WebAssembly (see `threadFlags` in scripts/node24.mjs).
 */
export function threadEnvironment(): NodeJS.ProcessEnv {
  // Node.js makes a folder for its version in the one that it is told.
  const folder = getCompileCacheDir();
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: dirname(folder) };
}
