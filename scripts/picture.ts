import { writeFile } from 'node:fs/promises';
import { text as readText } from 'node:stream/consumers';

import { html } from '../cli/report/html.ts';
import { readOptions, showUserError } from './local/usage.ts';
import { UserError } from '../cli/user-error.ts';

const usage = `npm start | npm run -s picture

Draws the closing screen of npm start as README shows it, docs/images/npm-start.svg.`;

const picture = new URL('../docs/images/npm-start.svg', import.meta.url);
const firstLine = 'What became of the messages';
// as many lines and columns as a reader takes in
const maxLines = 38;
const maxColumns = 122;
const column = 6.6;
const line = 15;
const margin = 18;

/** The last screen of a terminal as SVG: titles begin a line, commands with a dollar sign. */
function drawn(lines: readonly string[]): string {
  const width = Math.ceil(maxColumns * column + 2 * margin);
  const height = lines.length * line + 2 * margin;
  return html`<svg
    xmlns="http://www.w3.org/2000/svg"
    viewBox="0 0 ${width} ${height}"
    width="${width}"
    height="${height}"
    role="img"
    aria-label="What npm start prints at its end"
  >
    <rect
      x="0.5"
      y="0.5"
      width="${width - 1}"
      height="${height - 1}"
      rx="8"
      fill="#161b22"
      stroke="#6e7681"
    />
    <g
      font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
      font-size="11"
      fill="#c9d1d9"
    >
      ${lines.map((text, index) => row(text, margin + 8 + index * line))}
    </g>
  </svg> `.text;
}

function row(text: string, y: number) {
  const words = text.trimStart();
  if (words === '') return null;
  const indent = text.length - words.length;
  const room = maxColumns - indent;
  const shown = words.length > room ? `${words.slice(0, room - 1)}…` : words;
  const isTitle = indent === 0;
  const color = isTitle ? '#fff' : words.startsWith('$ ') ? '#79c0ff' : '#c9d1d9';
  const x = margin + indent * column;
  // every reader's font is another: the width is fixed
  return html`<text
    x="${x.toFixed(1)}"
    y="${y}"
    textLength="${(shown.length * column).toFixed(1)}"
    lengthAdjust="spacingAndGlyphs"
    xml:space="preserve"
    font-weight="${isTitle ? 'bold' : 'normal'}"
    fill="${color}"
    >${shown}</text
  > `;
}

async function run(): Promise<void> {
  readOptions(usage, {});
  if (process.stdin.isTTY) throw new UserError(usage);
  const screen = (await readText(process.stdin)).split('\n');
  const first = screen.indexOf(firstLine);
  if (first === -1) throw new UserError('This is not what npm start prints at its end.');
  const lines = screen.slice(first, first + maxLines);
  await writeFile(picture, drawn([...lines, '…']));
  console.log('Wrote docs/images/npm-start.svg.');
}

await showUserError(run());
