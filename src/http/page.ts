/** How many there are on a page unless the caller says it: the contract's default for `limit`. */
export const PAGE_SIZE = 20;

/** Values of a query string; what is undefined was not given. */
export type QueryValues = Readonly<Record<string, string | number | undefined>>;

/** A path with a query string of what is given, each value such that no parser takes it differently. */
export function urlWith(path: string, query: QueryValues): string {
  const pairs = Object.entries(given(query)).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `${path}?${pairs.join("&")}`;
}

/** Without what was not given. */
export function given(query: QueryValues): Readonly<Record<string, string | number>> {
  const entries = Object.entries(query).filter((entry): entry is [string, string | number] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}

/** A page of a listing; `next` leads to the following one, in the body and as a link (RFC 8288). */
export function pageReply<Item>(items: Item[], next: string | undefined) {
  return {
    status: 200,
    body: { items, next: next ?? null },
    ...(next !== undefined && { headers: { Link: `<${next}>; rel="next"` } }),
  } as const;
}
