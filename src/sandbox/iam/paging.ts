import { type Refusal, refusal } from "../../aws/query-answer.ts";
import { textElement } from "../../aws/xml.ts";

/** IAM's own default; `MaxItems` may ask for up to 1000. */
const DEFAULT_MAX_ITEMS = 100;

/**
 * One page of a list as IAM writes it: `<element><member>…</member>…</element>`, then `IsTruncated` and `Marker`.
 * The marker names the last item that was given, so that a page is right even if items were added in between.
 */
export function page<T>(
  parameters: URLSearchParams,
  element: string,
  items: readonly T[],
  idOf: (item: T) => string,
  member: (item: T) => string,
): { readonly xml: string } | Refusal {
  const maxItems = Number(parameters.get("MaxItems") ?? DEFAULT_MAX_ITEMS);
  const marker = parameters.get("Marker");
  let start = 0;
  if (marker !== null) {
    const last = Buffer.from(marker, "base64url").toString();
    start = items.findIndex((item) => idOf(item) === last) + 1;
    if (start === 0) return refusal(400, "ValidationError", "Invalid Marker.");
  }
  const shown = items.slice(start, start + maxItems);
  const members = shown.map((item) => `<member>${member(item)}</member>`).join("");
  const last = shown.at(-1);
  const more = last !== undefined && start + shown.length < items.length;
  const next = more ? textElement("Marker", Buffer.from(idOf(last)).toString("base64url")) : "";
  return { xml: `<${element}>${members}</${element}><IsTruncated>${more}</IsTruncated>${next}` };
}
