import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { build, type BuildOptions } from 'esbuild';

/** pg is CommonJS and requires Node's own modules, which an ES module has no `require` for. */
export const requireBanner = {
  js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`,
};

/** Plain JavaScript of a module, for a process without a loader; `bytes` with all that it may load later. */
export async function bundle(
  path: string,
  options: BuildOptions = {},
): Promise<{ file: string; bytes: number; remove: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'pii-vault-bundle-'));
  const file = join(directory, `${basename(path, '.ts')}.mjs`);
  const { metafile } = await build({
    entryPoints: [path],
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    banner: requireBanner,
    external: ['pg-native'],
    logLevel: 'error',
    ...options,
    metafile: true,
  });
  const bytes = Object.values(metafile.outputs).reduce((sum, output) => sum + output.bytes, 0);
  return { file, bytes, remove: () => rm(directory, { recursive: true, force: true }) };
}
