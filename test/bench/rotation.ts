import { randomUUID } from 'node:crypto';

import { byteaArray } from '../../db/binary-array.ts';
import { createSealingKeys } from '../../lib/crypto/data-key.ts';
import { seal } from '../../lib/crypto/seal.ts';
import { createTokenizer, tokenBytes } from '../../lib/crypto/token.ts';
import { createKmsDouble, type KmsDouble } from '../../scripts/local/kms-double.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { openTestRotation, switchRotation } from '../helpers/rotation.ts';
import { withDatabase } from './cluster.ts';
import type { Context } from './context.ts';
import { number, type PartResult } from './table.ts';

const loginsPerValue = 2;
const rowsAtOnce = 10_000;

/** What replacing the token key costs: mapping, the pause of ingest, and the write-ahead log. */
export async function rotation(context: Context): Promise<PartResult> {
  const { cluster, quick, say } = context;
  const values = quick ? 50_000 : 1_000_000;
  const logins = values * loginsPerValue;
  const place = await cluster.create(1);
  const kms = createKmsDouble();
  let measured = { mapping: 0, swap: 0, swapBytes: 0, mapBytes: 0 };
  await withDatabase(place, async (database) => {
    await fillWithSealed(database, kms, values);
    say(`${number(values)} values and ${number(logins)} logins are to be rotated`);
    const { rotate } = await openTestRotation(database, kms);
    const at = async () => {
      const { rows } = await database.admin.query<{ lsn: string }>(
        `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as lsn`,
      );
      return { time: Date.now(), wal: Number(rows[0]!.lsn) };
    };
    const started = await at();
    let mapped = started;
    const { swapped } = await rotate({ pause: async () => void (mapped = await at()) });
    if (swapped === null) throw new Error('the tokens were not replaced');
    if (swapped.rewritten < logins) throw new Error(`${swapped.rewritten} logins were rewritten`);
    const ended = await at();
    measured = {
      mapping: (mapped.time - started.time) / 1000,
      swap: swapped.seconds,
      mapBytes: mapped.wal - started.wal,
      swapBytes: ended.wal - mapped.wal,
    };
    await switchRotation(database, false);
  });
  await cluster.drop(place);
  const { mapping, swap, mapBytes, swapBytes } = measured;
  const perSecond = logins / swap;
  return {
    tables: [
      {
        title: `Replacing the token key: ${number(values)} values, ${number(logins)} logins with two tokens each`,
        columns: ['', 'seconds', 'rows a second', 'bytes of WAL a row'],
        rows: [
          [
            'mapping, while ingest goes on',
            number(mapping, 1),
            number(values / mapping),
            number(mapBytes / values),
          ],
          [
            'swap, while ingest pauses',
            number(swap, 1),
            number(perSecond),
            number(swapBytes / logins),
          ],
        ],
      },
      {
        title: 'The pause at the same rate',
        columns: ['logins', 'minutes'],
        rows: [10_000_000, 100_000_000].map((count) => [
          number(count),
          number(count / perSecond / 60, 1),
        ]),
      },
    ],
    figures: [],
    data: { values, logins, ...measured },
  };
}

/** Values as ingest seals them, and logins of two tokens each, every token equally often. */
async function fillWithSealed(
  { admin }: TestDatabase,
  kms: KmsDouble,
  values: number,
): Promise<void> {
  const tokenizer = createTokenizer(await kms.tokenRoot(1));
  const { key, ...dataKey } = await createSealingKeys(kms).take(values);
  await admin.query(
    'insert into vault.data_keys (id, wrapped_key, kms_key_arn) values ($1, $2, $3)',
    [dataKey.id, dataKey.wrapped, dataKey.kmsKeyArn],
  );
  for (let start = 0; start < values; start += rowsAtOnce) {
    const rows = Array.from({ length: Math.min(rowsAtOnce, values - start) }, (_, index) => {
      const n = start + index;
      const kind = n % 2 === 0 ? 'ip' : 'device_id';
      const value = kind === 'ip' ? `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}` : randomUUID();
      const token = tokenizer.token(kind, value);
      return { token, kind, ciphertext: seal(key, { kind, token, dataKeyId: dataKey.id }, value) };
    });
    await admin.query(
      `insert into vault.pii_vault (token, kind, ciphertext, data_key_id)
       select token, kind::vault.pii_kind, ciphertext, $4
       from unnest($1::bytea[], $2::text[], $3::bytea[]) as value (token, kind, ciphertext)`,
      [
        byteaArray(rows.map(({ token }) => tokenBytes(token))),
        rows.map(({ kind }) => kind),
        byteaArray(rows.map(({ ciphertext }) => ciphertext)),
        dataKey.id,
      ],
    );
    const ips = rows.filter(({ kind }) => kind === 'ip').map(({ token }) => token);
    const devices = rows.filter(({ kind }) => kind === 'device_id').map(({ token }) => token);
    await admin.query(
      `insert into user_logins (user_id, device_type, masked_ip, masked_device_id, app_version, create_date)
       select 'user ' || n, 'android', ip, device, 2003000, date '2026-01-31'
       from unnest($1::text[], $2::text[]) as pair (ip, device), generate_series(1, $3::integer) as n`,
      [ips, devices, loginsPerValue * 2],
    );
  }
  await admin.query('vacuum analyze');
}
