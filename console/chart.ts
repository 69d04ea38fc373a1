import { html } from 'hono/html';

import type { Html } from './html.ts';

/** A number for each of some days that follow one another. */
export interface DaySeries {
  title: string;
  /** What is counted, in the plural. */
  unit: string;
  days: readonly { day: string; count: number }[];
}

const width = 640;
const height = 180;
const plot = { left: 44, right: 8, top: 10, bottom: 24 };

/** The last `days` UTC days up to `today`, with a 0 where nothing was counted. */
export function everyDay(
  counts: ReadonlyMap<string, number>,
  days: number,
  today: Date = new Date(),
): DaySeries['days'] {
  return Array.from({ length: days }, (_, index) => {
    const at = Date.UTC(today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate());
    const day = new Date(at - (days - 1 - index) * 86_400_000).toISOString().slice(0, 10);
    return { day, count: counts.get(day) ?? 0 };
  });
}

/** Bars, one a day, as an inline SVG that takes its colours from the page; and the same as a table. */
export function dayChart({ title, unit, days }: DaySeries): Html {
  const most = niceMaximum(Math.max(1, ...days.map(({ count }) => count)));
  const innerWidth = width - plot.left - plot.right;
  const innerHeight = height - plot.top - plot.bottom;
  const step = innerWidth / days.length;
  const y = (count: number) => plot.top + innerHeight * (1 - count / most);
  const total = days.reduce((sum, { count }) => sum + count, 0);
  const labelled = (index: number) =>
    index === days.length - 1 || (index % 7 === 0 && index < days.length - 4);
  const label = `${title}: ${number(total)} ${unit} in ${days.length} days`;

  return html`<figure class="chart">
    <figcaption><strong>${number(total)}</strong> in ${days.length} days</figcaption>
    <svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">
      ${[0, most / 2, most].map(
        (tick) =>
          html`<line
              class="grid"
              x1="${plot.left}"
              x2="${width - plot.right}"
              y1="${y(tick)}"
              y2="${y(tick)}"
            /><text class="tick" x="${plot.left - 6}" y="${y(tick) + 4}" text-anchor="end">
              ${number(tick)}
            </text>`,
      )}
      ${days.map(
        ({ day, count }, index) =>
          html`<rect
            class="bar"
            x="${round(plot.left + index * step + step * 0.12)}"
            width="${round(step * 0.76)}"
            y="${round(y(count))}"
            height="${round(plot.top + innerHeight - y(count))}"
            rx="1.5"
          >
            <title>${day}: ${number(count)} ${unit}</title>
          </rect>`,
      )}
      ${days.map(({ day }, index) =>
        labelled(index)
          ? html`<text
              class="tick"
              x="${round(plot.left + (index + 0.5) * step)}"
              y="${height - 6}"
              text-anchor="${index === days.length - 1 ? 'end' : 'middle'}"
            >
              ${day.slice(5)}
            </text>`
          : '',
      )}
    </svg>
    <details>
      <summary>As a table</summary>
      <table>
        <thead>
          <tr>
            <th scope="col">Day (UTC)</th>
            <th scope="col" class="number">${unit}</th>
          </tr>
        </thead>
        <tbody>
          ${days
            .filter(({ count }) => count > 0)
            .map(
              ({ day, count }) =>
                html`<tr>
                  <td>${day}</td>
                  <td class="number">${number(count)}</td>
                </tr>`,
            )}
        </tbody>
      </table>
    </details>
  </figure>`;
}

/** A number as people read it: 12,345. */
export function number(value: number): string {
  return value.toLocaleString('en-US');
}

function niceMaximum(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most));
  const factor = [2, 4, 6, 8, 10].find((candidate) => candidate * power >= most) ?? 10;
  return factor * power;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
