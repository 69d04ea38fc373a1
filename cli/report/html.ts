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
