import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { addressesWithoutNetworks, writeNetworks } from '../../../db/operations/fill-networks.ts';
import { endStolenLogins, holdValues, stolenLogin } from '../../helpers/attacker.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { untilBlocked } from '../../helpers/faults.ts';

let database: TestDatabase;
let token: string;
beforeEach(async () => {
  database = await createTestDatabase();
  [token = ''] = await holdValues(database);
});
afterEach(async () => {
  await endStolenLogins();
  await database.drop();
});

/** Calls erase as somebody with its login; returns the outcomes. */
async function erase(tokens: readonly string[], suppress = false): Promise<string[]> {
  const session = await stolenLogin(database, 'vault_erase');
  const { rows } = await session.query<{ outcome: string }>(
    `select outcome from vault.erase($1, 'iam', 'arn:aws:iam::1:user/o', 'a reason of an officer', $2, $3)`,
    [randomUUID(), tokens, suppress],
  );
  return rows.map(({ outcome }) => outcome);
}

const suppressed = async () =>
  (
    await database.admin.query<{ name: string }>(
      'select vault.token_text(kind, token) as name from vault.tombstones where suppressed',
    )
  ).rows.map(({ name }) => name);

describe('an erase', () => {
  it('deletes the networks of an address that are being written, too', async () => {
    const owner = await database.as('vault_migrator').connect();
    const [address] = await addressesWithoutNetworks(owner, null, 1);
    await owner.query('begin');
    const tokens = { network: 'ip_network_v1_x', subnet: null };
    expect(await writeNetworks(owner, [{ maskedIp: address!.token, tokens }])).toBe(1);
    const erasing = erase([address!.token]);
    await untilBlocked(database, 'vault_erase');
    await owner.query('commit');
    owner.release();
    expect(await erasing).toEqual(['erased']);
    expect((await database.admin.query('select from public.ip_networks')).rowCount).toBe(0);
  });

  it('suppresses no value under another kind, which the audit would not name', async () => {
    const alias = token.replace(/^ip_/, 'device_id_');
    expect(await erase([alias], true)).toEqual(['unknown']);
    expect(await suppressed()).toEqual([]);
    expect(await erase([token])).toEqual(['erased']);
    expect(await erase([alias], true)).toEqual(['unknown']);
    expect(await suppressed()).toEqual([]);
    expect(await erase([alias, token], true)).toEqual(['unknown', 'already_erased']);
    expect(await suppressed()).toEqual([token]);
    const { rows } = await database.admin.query(
      `select token from vault.reveal_audit where outcome = 'suppressed'`,
    );
    expect(rows).toEqual([{ token }]);
  });
});
