import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { bundle } from '../helpers/bundle.ts';
import type { Context } from './context.ts';
import { countRows, withDatabase } from './cluster.ts';
import type { Memory } from './memory-process.ts';
import { percentile } from './statistics.ts';
import { number, type PartResult } from './table.ts';

const run = promisify(execFile);
const mib = (bytes: number) => bytes / 1024 / 1024;
const maxMib = 256;

/** What a batch takes of a fresh process's memory, all of its values new. */
export async function memory({ cluster, quick }: Context): Promise<PartResult> {
  const code = await bundle(fileURLToPath(new URL('memory-process.ts', import.meta.url)));
  const results: { size: number; resident: number; peak: number; heap: number }[] = [];
  for (const size of [1_000, 10_000]) {
    const measured: Memory[] = [];
    for (let start = 0; start < (quick ? 1 : 5); start += 1) {
      const place = await cluster.create(0);
      const { stdout } = await run(process.execPath, [
        code.file,
        String(size),
        JSON.stringify(place),
      ]);
      measured.push(JSON.parse(stdout) as Memory);
      const { logins } = await withDatabase(place, countRows);
      if (logins !== size + 10) throw new Error(`${logins} logins were stored`);
      await cluster.drop(place);
    }
    const median = (of: keyof Memory) =>
      percentile(
        measured.map((each) => each[of]),
        50,
      );
    results.push({
      size,
      resident: median('resident'),
      peak: median('peak'),
      heap: median('heap'),
    });
  }
  await code.remove();
  const largest = results.at(-1)!;
  return {
    tables: [
      {
        title: 'Memory of one batch in a fresh process, MiB',
        columns: ['messages', 'resident before', 'peak resident', 'heap after'],
        rows: results.map(({ size, ...each }) => [
          number(size),
          ...[each.resident, each.peak, each.heap].map((bytes) => number(mib(bytes))),
        ]),
      },
    ],
    figures: [
      {
        what: 'peak memory of a batch of 10 000 messages',
        must: `< ${maxMib} MiB`,
        measured: `${number(mib(largest.peak))} MiB`,
        holds: mib(largest.peak) < maxMib,
      },
    ],
    data: results,
  };
}
