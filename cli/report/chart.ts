import { html, type Markup } from './html.ts';
import { count, short, whole } from './numbers.ts';
import { everyDay, ticksTo } from './ticks.ts';

/** The values of one colour of a chart, by day. */
export interface Series {
  name: string;
  values: ReadonlyMap<string, number>;
  /** For what is left over: drawn in grey. */
  isRest?: boolean;
}

const width = 720;
const height = 220;
const frame = { left: 46, right: 6, top: 10, bottom: 30 };
const colors = 5;

/**
 * Columns by day, one on top of another, with axes and a legend, and the same as a table. `unit` is
 * what is counted, one and many.
 */
export function columns(
  title: string,
  unit: readonly [string, string],
  series: readonly Series[],
): Markup {
  const days = everyDay(series.flatMap(({ values }) => [...values.keys()]));
  const sums = days.map((day) =>
    series.reduce((sum, { values }) => sum + (values.get(day) ?? 0), 0),
  );
  const all = count(
    sums.reduce((sum, each) => sum + each, 0),
    ...unit,
  );
  const ticks = ticksTo(Math.max(0, ...sums));
  const yAt = (value: number) =>
    height - frame.bottom - (value / ticks.at(-1)!) * (height - frame.top - frame.bottom);
  const slot = (width - frame.left - frame.right) / Math.max(1, days.length);
  return html`<figure>
    <figcaption>${title} <small>${all}</small></figcaption>
    ${legend(series)}
    <svg
      viewBox="0 0 ${width} ${height}"
      role="img"
      aria-label="${title}: ${all} in ${count(days.length, 'day')}"
    >
      ${ticks.map((tick) => tickLine(tick, yAt(tick)))}
      ${days.map((day, place) => column(day, frame.left + slot * place, slot, unit, series, yAt))}
      ${days.map((day, place) =>
        place % Math.ceil(days.length / 8) === 0
          ? html`<text
              x="${at(frame.left + slot * (place + 0.5))}"
              y="${height - 6}"
              text-anchor="middle"
              >${shortDay(day)}</text
            >`
          : null,
      )}
    </svg>
    ${asTable(days, series)}
  </figure>`;
}

function asTable(days: readonly string[], series: readonly Series[]): Markup {
  return html`<details>
    <summary>As a table</summary>
    <table>
      <thead>
        <tr>
          <th scope="col">Day (UTC)</th>
          ${series.map(({ name }) => html`<th scope="col" class="number">${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${days
          .filter((day) => series.some(({ values }) => values.get(day)))
          .map(
            (day) =>
              html`<tr>
                <th scope="row">${day}</th>
                ${series.map(
                  ({ values }) => html`<td class="number">${whole(values.get(day) ?? 0)}</td>`,
                )}
              </tr>`,
          )}
      </tbody>
    </table>
  </details>`;
}

function tickLine(tick: number, y: number): Markup {
  return html`<line
      class="grid"
      x1="${frame.left}"
      x2="${width - frame.right}"
      y1="${at(y)}"
      y2="${at(y)}"
    />
    <text x="${frame.left - 8}" y="${at(y + 3.5)}" text-anchor="end">${short(tick)}</text>`;
}

function column(
  day: string,
  left: number,
  slot: number,
  [one, many]: readonly [string, string],
  series: readonly Series[],
  yAt: (value: number) => number,
): (Markup | null)[] {
  const wide = Math.min(40, slot * (slot > 4 ? 0.8 : 0.9));
  let below = 0;
  return series.map(({ name, values, isRest }, index) => {
    const value = values.get(day) ?? 0;
    if (value === 0) return null;
    const top = yAt(below + value);
    const tall = yAt(below) - top;
    below += value;
    return html`<rect
      class="${colorOf(index, isRest)}"
      x="${at(left + (slot - wide) / 2)}"
      y="${at(top)}"
      width="${at(wide)}"
      height="${at(tall)}"
      ><title>${day}, ${name}: ${count(value, one, many)}</title></rect
    >`;
  });
}

function legend(series: readonly Series[]): Markup | null {
  if (series.length < 2) return null;
  return html`<p class="legend">
    ${series.map(
      ({ name, isRest }, index) =>
        html`<span><i class="${colorOf(index, isRest)}"></i>${name}</span> `,
    )}
  </p>`;
}

function colorOf(index: number, isRest = false): string {
  return isRest ? 'rest' : `c${index % colors}`;
}

/** A line of `bars`. */
export interface Bar {
  label: string | Markup;
  value: number;
  /** For what is left over: drawn in grey. */
  isRest?: boolean;
  /** What is written beside the bar. */
  text: string;
  /** Between which values the truth lies, on the scale of `value`; null where nothing was sampled. */
  interval?: readonly [number, number] | null;
}

/** Horizontal bars with their labels, as a table. `most` is the value of a full bar. */
export function bars(title: string, lines: readonly Bar[], most?: number): Markup {
  const full = most ?? Math.max(1, ...lines.map(({ value }) => value));
  const part = (value: number) => at((value / full) * 100);
  return html`<figure>
    <figcaption>${title}</figcaption>
    <table class="bars">
      ${lines.map(
        ({ label, value, text, interval, isRest }) =>
          html`<tr>
            <th scope="row">${label}</th>
            <td class="bar">
              <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                <rect class="track" width="100" height="10" />
                <rect class="${colorOf(0, isRest)}" width="${part(value)}" height="10" />
                ${
                  !interval
                    ? null
                    : html`<rect
                        class="whisker"
                        x="${part(interval[0])}"
                        width="${part(interval[1] - interval[0])}"
                        y="4"
                        height="2"
                      />`
                }
              </svg>
            </td>
            <td class="number">${text}</td>
          </tr>`,
      )}
    </table>
  </figure>`;
}

function shortDay(day: string): string {
  return new Date(day).toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'short',
    timeZone: 'UTC',
  });
}

const at = (value: number) => String(Math.round(value * 100) / 100);
