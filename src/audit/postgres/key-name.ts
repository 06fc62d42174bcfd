/** `<name>+<key id>`: a verifier key without the key itself, for people. */
export function keyName(vkey: string | null): string {
  return vkey === null ? "none" : vkey.split("+").slice(0, 2).join("+");
}
