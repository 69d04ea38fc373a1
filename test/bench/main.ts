import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';

import { bytes } from './bytes.ts';
import { type Measured, writeCharts } from './charts.ts';
import { startCluster } from './cluster.ts';
import { cold } from './cold.ts';
import { contention } from './contention.ts';
import type { Context } from './context.ts';
import { floor } from './floor.ts';
import { growth } from './growth.ts';
import { kms } from './kms.ts';
import { memory } from './memory.ts';
import { privacy } from './privacy.ts';
import { reveal } from './reveal.ts';
import { script } from './script.ts';
import { type Figure, figuresTable, format, type PartResult } from './table.ts';
import { startWorkers } from './workers.ts';

const parts = {
  floor,
  script,
  growth,
  contention,
  privacy,
  memory,
  reveal,
  bytes,
  cold,
  kms,
} as const;
type PartName = keyof typeof parts;

const usage = `npm run bench -- [parts] [options]

parts      ${Object.keys(parts).join(' ')} (all of them, if none is named)
--quick    a few rounds of the main cases: to see that it works, not to measure
--large    growth up to 10 000 000 values as well
--plot     then writes docs/performance/*.svg from the results, earlier runs' included

A standing figure that misses is reported; only an error ends with another status than 0.
`;

interface SavedPart {
  at: string;
  quick: boolean;
  machine: string;
  settings: Record<string, string>;
  figures: Figure[];
  data: unknown;
}

const root = new URL('../../', import.meta.url);
const resultsFile = new URL('.local/bench/results.json', root);

const { positionals, values: options } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    large: { type: 'boolean', default: false },
    plot: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const unknown = positionals.filter((name) => !(name in parts));
if (options.help || unknown.length > 0) {
  if (unknown.length > 0) console.error(`no such part: ${unknown.join(', ')}\n`);
  console.log(usage);
  process.exitCode = unknown.length > 0 ? 2 : 0;
} else {
  await bench(positionals as PartName[]);
}

async function bench(chosen: readonly PartName[]): Promise<void> {
  const names = chosen.length > 0 ? chosen : (Object.keys(parts) as PartName[]);
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Node ${process.version}`;
  const starting = startCluster();
  // Postgres runs on its own: whoever interrupts the benchmark must not leave it behind
  const interrupt = () => void starting.then(({ stop }) => stop()).finally(() => process.exit(130));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const cluster = await starting;
  const workers = await startWorkers(4);
  const results = new Map<PartName, PartResult>();
  try {
    const settings = await cluster.settings();
    console.log(`${machine}, Postgres ${Object.entries(settings).flat().join(' ')}`);
    const context: Context = { ...options, cluster, workers, say: (line) => console.log(line) };
    for (const name of names) {
      const result = await parts[name](context);
      results.set(name, result);
      for (const table of result.tables) console.log(format(table));
      const { figures, data } = result;
      const at = new Date().toISOString();
      await save(name, { at, quick: options.quick, machine, settings, figures, data });
    }
  } finally {
    await workers.stop();
    await cluster.stop();
  }
  console.log(format(figuresTable([...results.values()].flatMap(({ figures }) => figures))));
  if (options.quick) console.log('--quick: too few rounds for figures to rely on\n');
  if (options.plot) await plot();
}

async function plot(): Promise<void> {
  const saved = Object.entries(await load()).map(([name, { data }]) => [name, data]);
  const directory = new URL('docs/performance/', root);
  const written = await writeCharts(Object.fromEntries(saved) as Measured, directory);
  console.log(`wrote ${written.map((name) => `docs/performance/${name}`).join(', ')}`);
}

/** Replaces this part's results; those of other parts stay, each with its own time. */
async function save(name: PartName, part: SavedPart): Promise<void> {
  const saved = { ...(await load()), [name]: part };
  await mkdir(new URL('./', resultsFile), { recursive: true });
  await writeFile(resultsFile, `${JSON.stringify(saved, null, 2)}\n`);
}

async function load(): Promise<Record<string, SavedPart>> {
  try {
    return JSON.parse(await readFile(resultsFile, 'utf8')) as Record<string, SavedPart>;
  } catch {
    return {};
  }
}
