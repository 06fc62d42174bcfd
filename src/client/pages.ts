import { LockkeeperUnanswered } from "./problem.ts";

/**
 * Page after page, as `next` leads. Only its query is taken: wherever it points, nothing but this path is asked, with the
 * token of this client.
 */
export async function* followPages<Query extends object, Page extends { readonly next: string | null }>(
  path: string,
  first: Query,
  ask: (query: Query) => Promise<Page>,
): AsyncGenerator<Page, void> {
  const seen = new Set<string>();
  for (let query = first; ; ) {
    const page = await ask(query);
    yield page;
    const { next } = page;
    if (next === null) return;
    const queryText = next.startsWith(`${path}?`) ? next.slice(path.length + 1) : undefined;
    if (queryText === undefined || seen.has(queryText)) {
      const message = "The next page is said to be where it cannot be: is there something in between?";
      throw new LockkeeperUnanswered(message, { nothingChanged: true });
    }
    seen.add(queryText);
    query = Object.fromEntries(new URLSearchParams(queryText)) as Query;
  }
}
