import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { BuildOptions } from 'esbuild';
import { parse } from 'yaml';

import { bundle } from '../helpers/bundle.ts';
import type { ColdStart } from './cold-process.ts';
import { type ColdCosts, coldProfile } from './cold-profile.ts';
import { startInTurns } from './cold-starts.ts';
import type { Context } from './context.ts';
import { ratios, type Spread, spread } from './statistics.ts';
import { type Figure, number, type PartResult, withSpread } from './table.ts';

const root = new URL('../../', import.meta.url);
const maxKib = 600;
const maxRatio = 1.3;
const base = 'KMS client and pg';

interface Cold extends ColdCosts {
  kib: number;
  /** To the base, in the same round. */
  ratio: Spread;
  answer: string;
}

/** Every function's bundle as it is deployed: loaded, and called once, in fresh processes. */
export async function cold({ quick }: Context): Promise<PartResult> {
  const starts = quick ? 9 : 15;
  const names = (await readdir(new URL('functions/', root))).map((file) => file.slice(0, -3));
  const options = await deployedOptions();
  const sources = new Map(names.map((name) => [name, new URL(`functions/${name}.ts`, root)]));
  sources.set(base, new URL('cold-base.ts', import.meta.url));
  const bundles = await Promise.all(
    [...sources].map(async ([name, source]) => {
      const code = await bundle(fileURLToPath(source), options);
      return { name, code, measured: [] as ColdStart[] };
    }),
  );
  const starter = await bundle(fileURLToPath(new URL('cold-process.ts', import.meta.url)));
  await startInTurns(starter.file, bundles, starts);
  const ofBase = milliseconds(bundles.find(({ name }) => name === base)!.measured);
  const results = bundles.map(({ name, code, measured }): Cold => ({
    name,
    kib: code.bytes / 1024,
    ratio: spread(ratios(milliseconds(measured), ofBase)),
    load: spread(measured.map(({ loadMs }) => loadMs)),
    call: spread(measured.map(({ callMs }) => callMs)),
    together: spread(milliseconds(measured)),
    answer: measured[0]!.answer,
  }));
  const ofFunctions = figures(results.filter(({ name }) => name !== base));
  const slowest = slowestOf(results);
  if (!ofFunctions[0]!.holds) {
    ofFunctions[0]!.profile = await coldProfile(
      slowest,
      results.at(-1)!,
      starter.file,
      options,
      starts,
    );
  }
  await Promise.all([starter, ...bundles.map(({ code }) => code)].map((each) => each.remove()));
  return {
    tables: [
      {
        title: `Cold starts on Node ${process.version}: ${starts} fresh processes, milliseconds`,
        columns: ['function', 'KiB', 'load', 'first call', 'together', '÷ base', 'answer'],
        rows: results.map(({ name, kib, load, call, together, ratio, answer }) => [
          name,
          number(kib),
          withSpread(load, 1),
          withSpread(call, 1),
          withSpread(together, 1),
          withSpread(ratio, 2),
          answer,
        ]),
      },
    ],
    figures: ofFunctions,
    data: results,
  };
}

function milliseconds(measured: readonly ColdStart[]): number[] {
  return measured.map(({ loadMs, callMs }) => loadMs + callMs);
}

function figures(results: readonly Cold[]): Figure[] {
  const slowest = slowestOf(results);
  const largest = results.reduce((a, b) => (b.kib > a.kib ? b : a));
  return [
    {
      what: `cold start: bundle load to first handler call, the slowest function, beside a bundle of the ${base} only`,
      must: `≤ ${maxRatio}`,
      measured: `${slowest.name}: ${withSpread(slowest.ratio, 2)}, ${number(slowest.together.median)} ms`,
      holds: slowest.ratio.median <= maxRatio,
    },
    {
      what: 'bundle, the largest function',
      must: `≤ ${maxKib} KiB`,
      measured: `${largest.name}: ${number(largest.kib)} KiB`,
      holds: largest.kib <= maxKib,
    },
  ];
}

function slowestOf(results: readonly Cold[]): Cold {
  return results.reduce((a, b) => (b.ratio.median > a.ratio.median ? b : a));
}

/** What serverless.yml tells serverless-esbuild, as esbuild's own options. */
async function deployedOptions(): Promise<BuildOptions> {
  const text = await readFile(new URL('serverless.yml', root), 'utf8');
  const { custom } = parse(text) as { custom: { esbuild: Record<string, unknown> } };
  // the plugin's own names: `exclude` is what it passes on as external
  const { exclude, external, outputFileExtension: _, ...options } = custom.esbuild;
  const names = [exclude, external].flatMap((list) =>
    Array.isArray(list) ? list.map(String) : [],
  );
  return { ...options, external: [...names, 'pg-native'] };
}
