/** Types of `opa.mjs`, for the tests that compile policies of their own. */
export function opaPath(): string;
export function runOpa(args: readonly string[], options?: { cwd?: string }): { ok: boolean; output: string };
