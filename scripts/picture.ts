import { writeFile } from 'node:fs/promises';
import { text as readText } from 'node:stream/consumers';

import { html } from '../cli/report/html.ts';
import { readOptions, showUserError } from './local/usage.ts';
import { UserError } from '../cli/user-error.ts';

const usage = `npm start | npm run -s picture

Draws the closing screen of npm start as README shows it, docs/images/npm-start.svg.`;

const picture = new URL('../docs/images/npm-start.svg', import.meta.url);
const firstTitle = 'What became of the messages';
const firstLeftOut = /^An erasure/;
// as many as a reader takes in
const maxLines = 50;
const maxColumns = 122;
const column = 6.6;
const line = 15;
const margin = 18;

/** The last screen of a terminal as SVG: titles begin a line, commands with a dollar sign. */
function drawn(lines: readonly string[]): string {
  const width = Math.ceil(maxColumns * column + 2 * margin);
  const height = lines.length * line + 2 * margin;
  const fonts = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace";
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="What npm start prints at its end">`,
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8" fill="#161b22" stroke="#6e7681"/>`,
    `<g font-family="${fonts}" font-size="11" fill="#c9d1d9">`,
    ...lines.flatMap((text, index) => row(text, margin + 8 + index * line)),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

function row(text: string, y: number): string[] {
  const words = text.trimStart();
  if (words === '') return [];
  const indent = text.length - words.length;
  const room = maxColumns - indent;
  const shown = words.length > room ? `${words.slice(0, room - 1)}…` : words;
  const style =
    indent === 0
      ? ' font-weight="bold" fill="#fff"'
      : words.startsWith('$ ')
        ? ' fill="#79c0ff"'
        : '';
  const x = (margin + indent * column).toFixed(1);
  // every reader's font is another: the width is fixed
  const width = (shown.length * column).toFixed(1);
  return [
    `<text x="${x}" y="${y}" textLength="${width}" lengthAdjust="spacingAndGlyphs" xml:space="preserve"${style}>${html`${shown}`.text}</text>`,
  ];
}

async function run(): Promise<void> {
  readOptions(usage, {});
  if (process.stdin.isTTY) throw new UserError(usage);
  const screen = (await readText(process.stdin)).split('\n');
  const first = screen.indexOf(firstTitle);
  if (first === -1) throw new UserError('This is not what npm start prints at its end.');
  const end = screen.findIndex((text) => firstLeftOut.test(text));
  const lines = screen.slice(first, end === -1 ? undefined : end).slice(0, maxLines);
  await writeFile(picture, drawn([...lines, '…']));
  console.log('Wrote docs/images/npm-start.svg.');
}

await showUserError(run());
