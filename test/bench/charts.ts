import { mkdir, writeFile } from 'node:fs/promises';

import type { CoresCell } from './cores.ts';
import type { FloorCell } from './floor.ts';
import type { GrowthPoint } from './growth.ts';
import { type Chart, type Series, svg } from './plot.ts';
import type { ScriptData } from './script.ts';

/** What the parts measured, by the part's name; a part that never ran is missing. */
export interface Measured {
  floor?: FloorCell[];
  cores?: CoresCell[];
  script?: ScriptData;
  growth?: GrowthPoint[];
}

/** Writes the plots of docs/performance.md that the measurements are there for; returns their names. */
export async function writeCharts(measured: Measured, directory: URL): Promise<string[]> {
  const charts = {
    'throughput.svg': throughput(measured),
    'cores.svg': cores(measured),
    'growth.svg': growth(measured),
  };
  await mkdir(directory, { recursive: true });
  const written: string[] = [];
  for (const [name, chart] of Object.entries(charts)) {
    if (chart === null) continue;
    await writeFile(new URL(name, directory), svg(chart));
    written.push(name);
  }
  return written;
}

function throughput({ floor = [], script }: Measured): Chart | null {
  const cells = floor.filter((cell) => cell.newShare === 0.05);
  if (cells.length === 0) return null;
  const line = (of: (cell: FloorCell) => number) =>
    cells.map((cell) => ({ x: cell.size, y: of(cell) }));
  const series: Series[] = [
    {
      name: 'floor: a bare client',
      color: '#888888',
      dashed: true,
      points: line((cell) => cell.throughput[cell.best]!.median),
    },
    {
      name: 'ingest',
      color: '#0b62a4',
      points: line((cell) => cell.throughput['ingest']!.median),
    },
  ];
  if (script !== undefined) {
    // it takes one message at a time, whatever the batch
    series.push({ name: 'script', color: '#b8401f', points: line(() => script.script.median) });
  }
  return {
    title: 'Ingest, one connection, 5 % of the values new',
    xLabel: 'messages a batch',
    yLabel: 'messages a second',
    series,
  };
}

function cores({ cores: cells = [] }: Measured): Chart | null {
  if (cells.length === 0) return null;
  const colors = ['#0b62a4', '#5a8f29', '#b8401f'];
  const shares = [...new Set(cells.map(({ newShare }) => newShare))];
  return {
    title: 'Ingest by handlers at the same time, batches of 1,000',
    xLabel: 'handlers, each with one connection',
    yLabel: 'messages a second, together',
    yFromZero: true,
    series: shares.map((share, n) => ({
      name: `${share * 100} % new`,
      color: colors[n % colors.length]!,
      points: cells
        .filter(({ newShare }) => newShare === share)
        .map(({ handlers, throughput: { median } }) => ({ x: handlers, y: median })),
    })),
  };
}

function growth({ growth: points = [] }: Measured): Chart | null {
  if (points.length === 0) return null;
  return {
    title: 'Ingest as the vault grows, batches of 1,000, half of the values new',
    xLabel: 'values in the vault',
    yLabel: 'messages a second',
    yFromZero: true,
    series: [
      {
        name: 'ingest',
        color: '#0b62a4',
        points: points.map(({ values, throughput: { median } }) => ({ x: values, y: median })),
      },
    ],
  };
}
