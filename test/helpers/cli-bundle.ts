import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { TestProject } from 'vitest/node';

import { requireBanner } from './bundle.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The command `pii-vault` as plain JavaScript. */
    cliBundle: string;
  }
}

const program = fileURLToPath(new URL('../../cli/pii-vault.js', import.meta.url));

/** The files of the repository that a module names stay where they are. */
const inPlace: Plugin = {
  name: 'in place',
  setup(bundler) {
    bundler.onLoad({ filter: /\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replaceAll(
        'import.meta.url',
        JSON.stringify(pathToFileURL(path).href),
      ),
      loader: 'ts',
    }));
  },
};

/**
 * Bundles `pii-vault`, which starts four times as fast then, and the integration tests start it
 * hundreds of times. Returns what removes it. Vitest runs this once, and in watch mode before each run.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'pii-vault-cli-'));
  const bundle = () =>
    build({
      entryPoints: [program],
      outdir: directory,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      // a CommonJS module that is loaded late has no names but `default`
      mainFields: ['module', 'main'],
      target: 'node20',
      banner: requireBanner,
      external: ['pg-native'],
      // there is no TypeScript left to load
      alias: { 'tsx/esm/api': fileURLToPath(new URL('./no-loader.ts', import.meta.url)) },
      plugins: [inPlace],
      logLevel: 'error',
    });
  await bundle();
  project.onTestsRerun(async () => void (await bundle()));
  project.provide('cliBundle', join(directory, 'pii-vault.mjs'));
  return () => rm(directory, { recursive: true, force: true });
}
