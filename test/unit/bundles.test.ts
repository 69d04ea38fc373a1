import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the bundle of each function', () => {
  it.each(readdirSync(`${root}functions`))(
    '%s holds nothing of the commands',
    async (name) => {
      const { metafile } = await build({
        absWorkingDir: root,
        entryPoints: [`functions/${name}`],
        bundle: true,
        platform: 'node',
        format: 'esm',
        metafile: true,
        write: false,
        logLevel: 'silent',
        loader: { '.sql': 'text' },
      });
      const inputs = Object.keys(metafile.inputs);
      expect(inputs).toContain(`functions/${name}`);
      const foreign =
        /^(cli|client|console|scripts|test)\/|node_modules\/(commander|csv-parse|hono|tsx)\//;
      expect(inputs.filter((path) => foreign.test(path))).toEqual([]);
    },
    30_000,
  );
});
