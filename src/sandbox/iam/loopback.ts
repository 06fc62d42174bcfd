import { isIPv4 } from "node:net";

/** Whether an address can be reached from this machine only. `localhost` is asked for by name and checked again when bound. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}
