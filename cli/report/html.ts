/** HTML that is safe to insert: made by `html` only. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Content = string | number | Markup | null | readonly Content[];

/** A template whose inserted texts are escaped, in elements and in quoted attributes. */
export function html(texts: TemplateStringsArray, ...contents: Content[]): Markup {
  return new Markup(
    texts.reduce((before, text, place) => before + show(contents[place - 1]!) + text),
  );
}

function show(content: Content): string {
  if (content === null) return '';
  if (content instanceof Markup) return content.text;
  if (typeof content === 'object') return content.map(show).join('');
  return escaped(String(content));
}

const escapes: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => escapes[character]!);
}

const longest = 120;

/**
 * A text that somebody else chose, as it can be shown: characters that are invisible, or turn the order of others,
 * become their code points, and a long text is cut.
 */
export function foreign(text: string): string {
  const cut = text.length > longest ? `${text.slice(0, longest)}…` : text;
  // also a half of a character that the cut has left
  return cut.replaceAll(/[\p{C}\p{Zl}\p{Zp}\u115F\u1160\u3164\uFFA0]/gu, (character) => {
    const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
    return `⟨U+${code}⟩`;
  });
}
