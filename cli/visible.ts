import { unseenClass } from '../lib/text.ts';

const unseen = new RegExp(unseenClass, 'gu');

/** The text with each control, bidirectional or invisible character as `\u{…}`. */
export function visible(text: string): string {
  return text.replaceAll(
    unseen,
    (character) => `\\u{${character.codePointAt(0)!.toString(16).toUpperCase()}}`,
  );
}

const longest = 120;

/** The same, and cut where it is long: for a text that somebody else chose, in a table or chart. */
export function brief(text: string): string {
  // the cut may halve a character
  return visible(text.length > longest ? `${text.slice(0, longest).toWellFormed()}…` : text);
}

/** JSON with these characters as escapes: it means the same, and is safe to show. */
export function visibleJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replaceAll(unseen, (text) =>
    text === '\n'
      ? text
      : // one escape for each UTF-16 unit, as JSON wants it
        text
          .split('')
          .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
          .join(''),
  );
}
