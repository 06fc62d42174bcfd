/** Types of `node24.mjs`, for tests and benchmarks that start the service as the scripts do. */
export const threadFlags: readonly string[];
export const serviceFlags: readonly string[];
export function environment(): NodeJS.ProcessEnv;
