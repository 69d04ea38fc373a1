/** A line of a chart, or dashes where it stands for what could be. */
export interface Series {
  name: string;
  color: string;
  dashed?: boolean;
  points: { x: number; y: number }[];
}

export interface Chart {
  title: string;
  xLabel: string;
  yLabel: string;
  /** Both axes are logarithmic, but for a y axis that begins at 0. */
  yFromZero?: boolean;
  series: Series[];
}

const width = 720;
const height = 420;
const frame = { left: 84, right: 190, top: 48, bottom: 60 };

/** A chart as SVG, readable on its own: no scripts, no styles, no fonts of its own. */
export function svg(chart: Chart): string {
  const all = chart.series.flatMap(({ points }) => points);
  const xs = [...new Set(all.map(({ x }) => x))].toSorted((a, b) => a - b);
  const ys = yTicks(
    all.map(({ y }) => y),
    chart.yFromZero ?? false,
  );
  const xAt = scale([xs[0]!, xs.at(-1)!], [frame.left, width - frame.right], true);
  const yRange: [number, number] = [ys[0]!, ys.at(-1)!];
  const yAt = scale(yRange, [height - frame.bottom, frame.top], !chart.yFromZero);
  const bottom = height - frame.bottom;
  const grid = [
    ...ys.map(
      (y) =>
        `<path d="M${frame.left} ${at(yAt(y))}H${width - frame.right}" stroke="#ddd"/>` +
        text(frame.left - 8, yAt(y) + 4, short(y), 'end'),
    ),
    ...xs.map(
      (x) =>
        `<path d="M${at(xAt(x))} ${frame.top}V${bottom}" stroke="#eee"/>` +
        text(xAt(x), bottom + 18, short(x), 'middle'),
    ),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="#fff"/>
<text x="${frame.left}" y="26" font-size="15" font-weight="bold">${escaped(chart.title)}</text>
${grid.join('\n')}
${text((frame.left + width - frame.right) / 2, height - 16, chart.xLabel, 'middle')}
<text transform="translate(20 ${(frame.top + bottom) / 2}) rotate(-90)" text-anchor="middle" fill="#333">${escaped(chart.yLabel)}</text>
${labelled(chart.series, xAt, yAt).join('\n')}
</svg>
`;
}

function labelled(
  series: readonly Series[],
  xAt: (x: number) => number,
  yAt: (y: number) => number,
): string[] {
  let above = -Infinity;
  return series
    .toSorted((a, b) => yAt(a.points.at(-1)!.y) - yAt(b.points.at(-1)!.y))
    .map(({ name, color, dashed, points }) => {
      const path = points.map(({ x, y }) => `${at(xAt(x))} ${at(yAt(y))}`).join('L');
      const last = points.at(-1)!;
      // names stand beside the ends of their lines, none on top of another
      above = Math.max(yAt(last.y) + 4, above + 16);
      return (
        `<path d="M${path}" fill="none" stroke="${color}" stroke-width="2"${dashed === true ? ' stroke-dasharray="6 4"' : ''}/>` +
        points
          .map(
            ({ x, y }) => `<circle cx="${at(xAt(x))}" cy="${at(yAt(y))}" r="3" fill="${color}"/>`,
          )
          .join('') +
        `<text x="${at(xAt(last.x) + 10)}" y="${at(above)}" fill="${color}">${escaped(name)}</text>`
      );
    });
}

function yTicks(values: readonly number[], fromZero: boolean): number[] {
  const max = Math.max(...values);
  if (fromZero) {
    const step = niceStep(max / 5);
    return Array.from({ length: Math.ceil(max / step) + 1 }, (_, n) => n * step);
  }
  const first = Math.floor(Math.log10(Math.min(...values)));
  return Array.from(
    { length: Math.ceil(Math.log10(max)) - first + 1 },
    (_, n) => 10 ** (first + n),
  );
}

function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((each) => each * power).find((step) => step >= least)!;
}

function scale(
  [low, high]: [number, number],
  [start, end]: [number, number],
  logarithmic: boolean,
): (value: number) => number {
  const of = logarithmic ? Math.log10 : (value: number) => value;
  const span = of(high) - of(low);
  return (value) => (span === 0 ? start : start + ((of(value) - of(low)) / span) * (end - start));
}

function text(x: number, y: number, content: string, anchor: 'middle' | 'end'): string {
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}" fill="#333">${escaped(content)}</text>`;
}

const at = (pixels: number) => pixels.toFixed(1);
const short = (value: number) => value.toLocaleString('en-US');
const escaped = (content: string) =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
