import { LockkeeperError } from "../errors.ts";

/**
 * The scripts, the compiler that they find and the templates are part of a checkout and of the npm package, but not of the
 * image.
 * @param what is done there: `Policies are compiled`
 */
export function checkoutOnly(what: string, missing = "its scripts are not here", cause?: unknown): LockkeeperError {
  const message = `${what} in a checkout of Lockkeeper or with its npm package: ${missing}.`;
  return new LockkeeperError("configuration", message, {}, { cause });
}

/**
 * One of the scripts.
 * @throws LockkeeperError `configuration` where they are not
 */
export async function script<Script>(load: () => Promise<Script>, what: string): Promise<Script> {
  try {
    return await load();
  } catch (cause) {
    throw checkoutOnly(what, undefined, cause);
  }
}
