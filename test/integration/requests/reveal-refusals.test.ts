import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { SealBroken, VaultUnavailable } from '../../../lib/errors.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import { reveal, type RevealDeps } from '../../../lib/requests/reveal.ts';
import { someToken } from '../../helpers/audit.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { terminate, untilBlocked, whileHolding } from '../../helpers/faults.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { startProxy } from '../../helpers/proxy.ts';
import { readable } from '../../helpers/readable.ts';
import { ingestDeps, revealDeps, revealStore } from '../../helpers/vault.ts';

const kms = createKmsDouble();
const lockChain = 'select vault.lock_audit_chain()';
const refuseRows = 'alter table vault.reveal_audit add constraint refuses check (false) not valid';
const takeRows = 'alter table vault.reveal_audit drop constraint refuses';

let database: TestDatabase;
let deps: RevealDeps;
/** Two logins, each under a data key of its own. */
let logins: { ip: string; deviceId: string; values: string[] }[];
let requestId: string;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  requestId = randomUUID();
  deps = revealDeps(database, kms);
  logins = [await stored(), await stored()];
});

async function stored() {
  const ingesting = ingestDeps(database, kms);
  const message = loginMessage();
  await ingest([sqsRecord(message)], ingesting);
  const tokenizer = await ingesting.tokenizer();
  const values = [String(message.ip), String(message.device_id)];
  const [ip, deviceId] = values as [string, string];
  return {
    ip: tokenizer.token('ip', ip),
    deviceId: tokenizer.token('device_id', deviceId),
    values,
  };
}

/** What a refused reveal throws: it holds none of the values. */
async function refusal(tokens = logins.map(({ ip }) => ip)): Promise<Error> {
  const error: unknown = await reveal(
    { tokens, reason: 'ticket 4711: fraud' },
    { id: 'jane', source: 'claimed' },
    requestId,
    deps,
  ).then(
    () => expect.fail('it was revealed'),
    (thrown: unknown) => thrown,
  );
  for (const value of logins.flatMap(({ values }) => values)) {
    expect(readable(error)).not.toContain(value);
  }
  return error as Error;
}

async function missing(token: string): Promise<unknown> {
  const request = { tokens: [token], reason: 'ticket 4711: fraud' };
  return (await reveal(request, { id: 'jane', source: 'claimed' }, requestId, deps)).missing;
}

async function outcomes(): Promise<Record<string, string>> {
  const { rows } = await database.admin.query<{ token: string; outcome: string }>(
    'select token, outcome from vault.reveal_audit where request_id = $1',
    [requestId],
  );
  return Object.fromEntries(rows.map(({ token, outcome }) => [token, outcome]));
}

describe('nothing is revealed when', () => {
  it('the audit may not be written', async () => {
    await database.admin.query(refuseRows);
    const error = await refusal();
    await database.admin.query(takeRows);
    expect(error).toBeInstanceOf(VaultUnavailable);
    expect(error).toMatchObject({ message: 'the audit is unavailable: try again' });
    expect(await outcomes()).toEqual({});
  });

  it('a row of the audit is refused, even the last one', async () => {
    await database.admin.query(`
      alter table vault.reveal_audit add constraint refuses check (token <> '${logins[1]!.ip}')
    `);
    const error = await refusal();
    await database.admin.query('alter table vault.reveal_audit drop constraint refuses');
    expect(error).toMatchObject({ name: 'VaultUnavailable', cause: { state: '23514' } });
    expect(await outcomes()).toEqual({});
  });

  it('the connection is closed while it waits for the audit', async () => {
    const error = await whileHolding(database, lockChain, async () => {
      const refused = refusal();
      // it is tried once more on a new connection
      for (let attempt = 0; attempt < 2; attempt += 1) {
        await untilBlocked(database, 'vault_reveal');
        await terminate(database, 'vault_reveal');
      }
      return refused;
    });
    expect(error).toMatchObject({ name: 'VaultUnavailable', cause: { state: '57P01' } });
    expect(await outcomes()).toEqual({});
  });

  it('the network resets while it waits for the audit', async () => {
    const proxy = await startProxy(database.port);
    deps = { ...deps, ...revealStore(database.as('vault_reveal', proxy.port)) };
    const error = await whileHolding(database, lockChain, async () => {
      const refused = refusal();
      for (let attempt = 0; attempt < 2; attempt += 1) {
        await untilBlocked(database, 'vault_reveal', attempt + 1);
        proxy.reset();
      }
      return refused;
    });
    expect(error).toMatchObject({ name: 'VaultUnavailable', cause: { state: 'ECONNRESET' } });
    await proxy.close();
    // Postgres may not notice, and record what nobody hears of: nothing was handed out for it
    const { rows } = await database.admin.query(
      'select from vault.reveal_claims where request_id = $1 and taken_at is not null',
      [requestId],
    );
    expect(rows).toEqual([]);
  });

  it('the connection is closed in the middle of the commit', async () => {
    await database.admin.query(`
      create function public.wait_at_commit() returns trigger language plpgsql security definer as $$
      begin perform pg_advisory_xact_lock(4711); return null; end $$;
      create constraint trigger wait_at_commit after insert on vault.reveal_audit
        deferrable initially deferred for each row execute function public.wait_at_commit();
    `);
    const error = await whileHolding(database, 'select pg_advisory_lock(4711)', async () => {
      const refused = refusal();
      // it is tried once more on a new connection
      for (let attempt = 0; attempt < 2; attempt += 1) {
        await untilBlocked(database, 'vault_reveal');
        await terminate(database, 'vault_reveal');
      }
      return refused;
    });
    await database.admin.query(`
      drop trigger wait_at_commit on vault.reveal_audit;
      drop function public.wait_at_commit;
    `);
    expect(error).toMatchObject({ name: 'VaultUnavailable', cause: { state: '57P01' } });
    expect(await outcomes()).toEqual({});
  });

  it('the vault may not be read', async () => {
    const take = 'vault.take_revealed(text)';
    await database.admin.query(`revoke execute on function ${take} from vault_reveal`);
    const error = await refusal();
    await database.admin.query(`grant execute on function ${take} to vault_reveal`);
    expect(error).toMatchObject({ message: 'the database is unavailable: try again' });
  });

  it('KMS fails, and the audit says so', async () => {
    kms.fault = 'ThrottlingException';
    const unknown = someToken(1);
    const error = await refusal([logins[0]!.ip, unknown, logins[1]!.deviceId]);
    kms.fault = null;
    expect(error).toMatchObject({
      name: 'VaultUnavailable',
      message: 'KMS is unavailable: try again',
      cause: { exception: 'ThrottlingException' },
    });
    expect(await outcomes()).toEqual({
      [logins[0]!.ip]: 'unavailable',
      [unknown]: 'unknown',
      [logins[1]!.deviceId]: 'unavailable',
    });
  });

  it('KMS fails and the audit cannot be written either', async () => {
    kms.fault = 'ThrottlingException';
    await database.admin.query(refuseRows);
    const error = await refusal();
    await database.admin.query(takeRows);
    kms.fault = null;
    expect(error).toMatchObject({ message: 'the audit is unavailable: try again' });
  });
});

/** Ways to tamper with the vault, as SQL on the rows of two tokens `$1` and `$2`. */
const tampering: [string, string][] = [
  [
    'its ciphertext in the place of another',
    `update vault.pii_vault as a set (ciphertext, data_key_id) = (b.ciphertext, b.data_key_id)
     from vault.pii_vault as b where a.token = vault.token_bytes($1) and b.token = vault.token_bytes($2)`,
  ],
  [
    'the data key of another',
    `update vault.pii_vault as a set data_key_id = b.data_key_id
     from vault.pii_vault as b where a.token = vault.token_bytes($1) and b.token = vault.token_bytes($2)`,
  ],
  ...(
    [
      ['the first bit of its nonce flipped', 'set_bit(ciphertext, 0, 1 - get_bit(ciphertext, 0))'],
      ['a bit of its value flipped', 'set_bit(ciphertext, 100, 1 - get_bit(ciphertext, 100))'],
      [
        'the last bit of its tag flipped',
        `set_bit(ciphertext, length(ciphertext) * 8 - 1,
           1 - get_bit(ciphertext, length(ciphertext) * 8 - 1))`,
      ],
      ['its last byte cut off', 'substring(ciphertext for length(ciphertext) - 1)'],
      ['nothing but its nonce left', 'substring(ciphertext for 12)'],
      ['nothing left', `''::bytea`],
      ['a byte more', `ciphertext || '\\x00'::bytea`],
    ] as const
  ).map(([what, ciphertext]): [string, string] => [
    what,
    `update vault.pii_vault set ciphertext = ${ciphertext}
     where token = vault.token_bytes($1) and $2::text is not null`,
  ]),
  [
    'its data key wrapped anew from other bytes',
    `update vault.data_keys set wrapped_key = set_bit(wrapped_key, 7, 1 - get_bit(wrapped_key, 7))
     where id = (select data_key_id from vault.pii_vault where token = vault.token_bytes($1)) and $2::text is not null`,
  ],
  [
    'the wrapped data key of another',
    `update vault.data_keys as a set wrapped_key = b.wrapped_key from vault.data_keys as b
     where a.id = (select data_key_id from vault.pii_vault where token = vault.token_bytes($1))
       and b.id = (select data_key_id from vault.pii_vault where token = vault.token_bytes($2))`,
  ],
];

describe('a row that was tampered with', () => {
  it.each(tampering)('opens nothing, and the audit says so: %s', async (_what, sql) => {
    const [victim, other] = [logins[0]!.ip, logins[1]!.ip];
    // once before, so that the data key is in memory
    await reveal(
      { tokens: [victim, other], reason: 'ticket 4711: fraud' },
      { id: 'jane', source: 'claimed' },
      randomUUID(),
      deps,
    );
    const { rowCount } = await database.admin.query(sql, [victim, other]);
    expect(rowCount).toBe(1);

    const error = await refusal([other, victim, someToken(2)]);
    expect(error).toEqual(new SealBroken());
    expect(await outcomes()).toEqual({
      [other]: 'withheld',
      [victim]: 'seal_broken',
      [someToken(2)]: 'unknown',
    });
  });

  it('is not found under a token of another kind, also where its own kind was changed', async () => {
    const { ip } = logins[0]!;
    const other = ip.replace('ip', 'device_id');
    expect(await missing(other)).toEqual([{ token: other, why: 'unknown' }]);
    await database.admin.query(
      `update vault.pii_vault set kind = 'device_id' where token = vault.token_bytes($1)`,
      [ip],
    );
    expect(await missing(ip)).toEqual([{ token: ip, why: 'unknown' }]);
    await expect(missing(other)).rejects.toEqual(new SealBroken());
  });
});
