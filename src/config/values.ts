import { z } from "zod";
import { isLoopbackHost, parseCidr } from "../authn/ip-address.ts";

const MAX_DELAY_MS = 24 * 3_600_000;

/** A short text that must not be empty. */
export const text = z.string().min(1).max(1024);

/** A time in milliseconds, with its default; at most a day, if nothing else is said. */
export function milliseconds(min: number, preset: number, description: string, max = MAX_DELAY_MS) {
  return z.int().min(min).max(max).default(preset).describe(`${description}. Milliseconds.`);
}

/** A rate limit, with its default. */
export function perMinute(preset: number, description: string) {
  return z
    .strictObject({ perMinute: z.int().min(1).max(10_000_000).default(preset).describe(description) })
    .prefault({});
}

/** HTTPS, or plain HTTP where the packets stay on this machine; credentials in a URL would end up in logs. */
function serviceUrl(text: string): boolean {
  // URL.parse() drops blanks around a URL and an empty fragment; what is compared later is the text.
  const url = /[\s#]/.test(text) ? null : URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopbackHost(url.hostname));
}

/** The URL of another service. */
export const url = text.refine(serviceUrl, {
  error:
    "Give an absolute https:// URL without user name, password or fragment; http:// is for this machine's own addresses only.",
});

/** An AWS region. */
export const region = z
  .string()
  .regex(/^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$/, { error: "Give an AWS region such as us-east-1." });

/** An address or range of proxies. */
export const proxyRange = z.string().refine((value) => (parseCidr(value)?.prefix ?? 0) > 0, {
  error:
    "Give an address or a range such as 10.0.0.0/8; one that holds every address would let anybody say who they are.",
});

/** An IANA time zone that this runtime knows. */
export const timeZone = z
  .string()
  .min(1)
  .max(64)
  .refine(isTimeZone, { error: "Give an IANA time zone such as Europe/Madrid." });

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
