import { ingest } from '../../lib/ingest/ingest.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { ingestDeps } from '../helpers/vault.ts';
import { withDatabase } from './cluster.ts';
import type { Context } from './context.ts';
import { sharedKms } from './keys.ts';
import { number, type PartResult } from './table.ts';
import { seedBatches, valuesPerMessage } from './workload.ts';

const maxBytes = 200;

const tables = {
  'sealed value': 'vault.pii_vault',
  'ledger row': 'vault.ingested_messages',
  'login row': 'public.user_logins',
} as const;

interface Size {
  rows: number;
  table: number;
  index: number;
}

/** Bytes on disk for a row, stored through ingest in random order, with its share of the indexes. */
export async function bytes({ cluster, quick }: Context): Promise<PartResult> {
  const messages = quick ? 20_000 : 100_000;
  const place = await cluster.create(0);
  const sizes = await withDatabase(place, async (database) => {
    const deps = ingestDeps(database, sharedKms());
    for (const batch of seedBatches(messages)) await ingest(batch, deps);
    await database.admin.query('vacuum analyze');
    return Promise.all(
      Object.entries(tables).map(([what, table]) => measure(database, what, table)),
    );
  });
  await cluster.drop(place);
  const value = perRow(sizes[0]![1]);
  return {
    tables: [
      {
        title: `Bytes a row after ${number(messages)} messages with ${valuesPerMessage} new values each`,
        columns: ['', 'table', 'index', 'together', 'rows'],
        rows: sizes.map(([what, size]) => {
          const { table, index } = perRow(size);
          return [what, number(table), number(index), number(table + index), number(size.rows)];
        }),
      },
    ],
    figures: [
      {
        what: 'sealed value in the vault, with its index',
        must: `≤ ${maxBytes} bytes`,
        measured: `${number(value.table + value.index)} bytes`,
        holds: value.table + value.index <= maxBytes,
      },
    ],
    data: Object.fromEntries(
      sizes.map(([what, size]) => [what, { ...size, perRow: perRow(size) }]),
    ),
  };
}

function perRow({ rows, table, index }: Size): { table: number; index: number } {
  return { table: table / rows, index: index / rows };
}

async function measure(
  database: TestDatabase,
  what: string,
  table: string,
): Promise<[string, Size]> {
  // what is no index of the total is the table with its TOAST and maps
  const { rows } = await database.admin.query<Size>(
    `select
      (select count(*) from ${table})::integer as rows,
      (pg_total_relation_size('${table}') - pg_indexes_size('${table}'))::integer as table,
      pg_indexes_size('${table}')::integer as index`,
  );
  return [what, rows[0]!];
}
