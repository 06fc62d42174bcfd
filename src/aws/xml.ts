const special = /[&<>\r]/;
const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "\r": "&#xD;",
};

/** An element with text in it, escaped. */
export function textElement(name: string, text: string): string {
  const escaped = special.test(text) ? text.replace(/[&<>\r]/g, (char) => entities[char] ?? char) : text;
  return `<${name}>${escaped}</${name}>`;
}

/** `2026-11-21T09:30:00Z`, the form in which IAM writes times: no fraction of a second. */
export function dateElement(name: string, epochMs: number): string {
  return textElement(name, `${new Date(epochMs).toISOString().slice(0, 19)}Z`);
}
