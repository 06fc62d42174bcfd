/**
 * Text that somebody else has chosen, on one line and without what a terminal or a reader could be led astray by: control
 * characters, line ends, marks that turn the direction of writing.
 */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}
