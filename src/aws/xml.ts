/** XML 1.0 has no way at all to write most control characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const special = /[&<>\u0000-\u0008\u000b-\u001f]/g;
const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "\r": "&#xD;",
};

/** An element with text in it, escaped. */
export function textElement(name: string, text: string): string {
  return `<${name}>${text.replace(special, (char) => entities[char] ?? "\ufffd")}</${name}>`;
}

/** `2026-11-21T09:30:00Z`, the form in which IAM writes times: no fraction of a second. */
export function dateElement(name: string, epochMs: number): string {
  return textElement(name, `${new Date(epochMs).toISOString().slice(0, 19)}Z`);
}
