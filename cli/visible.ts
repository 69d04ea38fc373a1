// control characters, line and paragraph separators, and what changes the direction of text or is invisible
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** The text with each control, bidirectional or invisible character as `\u{…}`, for a terminal. */
export function visible(text: string): string {
  return text.replaceAll(
    unseen,
    (character) => `\\u{${character.codePointAt(0)!.toString(16).toUpperCase()}}`,
  );
}

/** JSON with these characters as escapes: it means the same, and is safe to show. */
export function visibleJson(value: unknown): string {
  // one escape for each UTF-16 unit, as JSON wants it
  return JSON.stringify(value, null, 2).replaceAll(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (text) =>
    text
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
