import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildOptions } from 'esbuild';

import { bundle } from '../helpers/bundle.ts';
import type { ColdStart } from './cold-process.ts';
import { type Started, startInTurns } from './cold-starts.ts';
import { type Spread, spread } from './statistics.ts';
import { number, type Table } from './table.ts';

const root = new URL('../../', import.meta.url);

/** Milliseconds of a function's start. */
export interface ColdCosts {
  name: string;
  load: Spread;
  call: Spread;
  together: Spread;
}

function load({ measured }: Started): number {
  return spread(measured.map(({ loadMs }) => loadMs)).median;
}

/** What the function takes beyond the base: its first call, and the base with each module that it imports, one at a time. */
export async function coldProfile(
  slowest: ColdCosts,
  ofBase: ColdCosts,
  starter: string,
  options: BuildOptions,
  starts: number,
): Promise<Table> {
  const source = await readFile(new URL(`functions/${slowest.name}.ts`, root), 'utf8');
  const imported = [...source.matchAll(/^(?:import (?!type)|\} from ).*'\.\.\/(\S+)';$/gm)];
  const modules = imported.map(([, path]) => path!);
  const directory = await mkdtemp(join(tmpdir(), 'pii-vault-cold-'));
  const bundles = await Promise.all(
    ['', ...modules].map(async (path) => {
      const entry = join(directory, `${path.replaceAll('/', '-')}base.ts`);
      const lines =
        path === '' ? [] : [`export * as part from '${fileURLToPath(new URL(path, root))}';`];
      const baseFile = fileURLToPath(new URL('cold-base.ts', import.meta.url));
      await writeFile(entry, [`export { handler } from '${baseFile}';`, ...lines].join('\n'));
      return { name: path, code: await bundle(entry, options), measured: [] as ColdStart[] };
    }),
  );
  await startInTurns(starter, bundles, starts);
  await rm(directory, { recursive: true });
  await Promise.all(bundles.map(({ code }) => code.remove()));
  const beyond = bundles
    .slice(1)
    .map((each) => ({ name: each.name, ms: load(each) - load(bundles[0]!) }));
  const most = beyond.toSorted((a, b) => b.ms - a.ms).slice(0, 5);
  return {
    title: `Milliseconds beyond those of the KMS client and pg; modules with all that they load, one at a time`,
    columns: [slowest.name, 'milliseconds'],
    rows: [
      ['together', number(slowest.together.median - ofBase.together.median, 1)],
      ['its first call', number(slowest.call.median - ofBase.call.median, 1)],
      ['loading', number(slowest.load.median - ofBase.load.median, 1)],
      ...most.map(({ name, ms }) => [`of which ${name}`, number(ms, 1)]),
    ],
  };
}
