import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { BuildOptions } from 'esbuild';
import { parse } from 'yaml';

import { bundle } from '../helpers/bundle.ts';
import type { ColdStart } from './cold-process.ts';
import type { Context } from './context.ts';
import { ratios, type Spread, spread } from './statistics.ts';
import { type Figure, number, type PartResult, withSpread } from './table.ts';

const run = promisify(execFile);
const root = new URL('../../', import.meta.url);
const maxKib = 600;
const maxRatio = 1.3;
const base = 'KMS client and pg';

// nothing answers at port 1: what needs the database or AWS fails there, on this machine
const environment = {
  DATABASE_AUTH: 'password',
  DATABASE_HOST: '127.0.0.1',
  DATABASE_PORT: '1',
  DATABASE_NAME: 'vault',
  DATABASE_USER: 'bench',
  DATABASE_PASSWORD: 'bench',
  DATABASE_TLS: 'off',
  VAULT_SERVICE: 'pii-vault',
  VAULT_STAGE: 'bench',
  TOKEN_KEY_ARNS: '1=arn:aws:kms:eu-central-1:000000000000:key/token',
  DATA_KEY_ARN: 'arn:aws:kms:eu-central-1:000000000000:key/data',
  NETWORK_TOKENS: 'off',
  DIRECT_REVEAL: 'on',
  REVEAL_QUOTA_PER_HOUR: '1000',
  REVEAL_CAP_PER_HOUR: '5000',
  TOKENIZE_QUOTA_PER_HOUR: '10000',
  TOKENIZE_CAP_PER_HOUR: '50000',
  ERASE_QUOTA_PER_HOUR: '10000',
  ERASE_CAP_PER_HOUR: '50000',
  BREAK_GLASS_CAP_PER_HOUR: '5000',
  REVEAL_APPROVAL_ABOVE: '',
  APPROVAL_EXPIRY_IN_HOURS: '24',
  TOKEN_ROTATION: 'off',
  DEAD_LETTER_QUEUE_URL: 'http://127.0.0.1:1/000000000000/dead',
  AWS_REGION: 'eu-central-1',
  AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
  AWS_ACCESS_KEY_ID: 'bench',
  AWS_SECRET_ACCESS_KEY: 'bench',
  LOG_LEVEL: 'INFO',
};

interface Cold {
  name: string;
  kib: number;
  load: Spread;
  call: Spread;
  together: Spread;
  /** To the base, in the same round. */
  ratio: Spread;
  answer: string;
}

/** Every function's bundle as it is deployed: loaded, and called once, in fresh processes. */
export async function cold({ quick }: Context): Promise<PartResult> {
  const starts = quick ? 5 : 15;
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
  // in turns, so that what disturbs the machine disturbs all of them; the first fills the file cache
  for (let start = -1; start < starts; start += 1) {
    for (const { name, code, measured } of bundles) {
      const result = await startOnce(starter.file, name, code.file);
      if (start >= 0) measured.push(result);
    }
  }
  await Promise.all([starter, ...bundles.map(({ code }) => code)].map((each) => each.remove()));
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
    figures: figures(results.filter(({ name }) => name !== base)),
    data: results,
  };
}

function milliseconds(measured: readonly ColdStart[]): number[] {
  return measured.map(({ loadMs, callMs }) => loadMs + callMs);
}

function figures(results: readonly Cold[]): Figure[] {
  const slowest = results.reduce((a, b) => (b.ratio.median > a.ratio.median ? b : a));
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

async function startOnce(starter: string, name: string, file: string): Promise<ColdStart> {
  const { stdout } = await run(process.execPath, [starter, name, file], {
    env: { ...process.env, ...environment },
  }).catch((error: unknown) => {
    // what a process prints that ends holds its whole bundle
    const cause = /InvalidConfig: .*/.exec(String(error))?.[0] ?? 'its process ended';
    throw new Error(`${name} did not start: ${cause}`);
  });
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as ColdStart;
}
