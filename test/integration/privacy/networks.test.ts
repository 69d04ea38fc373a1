import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { expireValues } from '../../../db/expire-values.ts';
import {
  addressesWithoutNetworks,
  countNetworks,
  recordOpenedAddresses,
  writeNetworks,
} from '../../../db/operations/fill-networks.ts';
import { writeRetention } from '../../../db/write-retention.ts';
import { createOpeningKeys } from '../../../lib/crypto/data-key.ts';
import { createTokenizerSource } from '../../../lib/crypto/token.ts';
import type { IngestDeps } from '../../../lib/ingest/deps.ts';
import { type FillDeps, fillNetworks } from '../../../lib/operations/fill-networks.ts';
import { endStolenLogins, stolenLogin } from '../../helpers/attacker.ts';
import { createPrivacyWorld, type PrivacyWorld } from '../../helpers/privacy-world.ts';
import { openTestRotation, switchRotation } from '../../helpers/rotation.ts';

let world: PrivacyWorld;
/** A container of a stage with networkTokens. */
let on: { deps: IngestDeps };

beforeAll(async () => {
  world = await createPrivacyWorld();
  on = { deps: { ...world.containers[0], writesNetworks: true } };
});
afterEach(endStolenLogins);
afterAll(() => world.database.drop());

interface Row {
  masked_ip: string;
  masked_network: string;
  masked_subnet: string | null;
}

/** What an analyst reads of this address: nothing, or its row. */
async function networksOf(address: string): Promise<Row | undefined> {
  const { rows } = await world.database
    .as('vault_analyst')
    .query<Row>('select * from public.ip_networks where masked_ip = $1', [
      await world.tokenOf('ip', address),
    ]);
  return rows[0];
}

describe('with networkTokens, a sealed address', () => {
  it('has the tokens of its networks beside it, and addresses of one network the same', async () => {
    for (const ip of [
      '198.51.100.1',
      '198.51.100.2',
      '198.51.101.1',
      '2001:db8::1',
      '2001:db8:0:1::1',
    ]) {
      await world.login({ ip, device_id: randomUUID() }, on);
    }
    const tokenizer = await world.containers[0].tokenizer();
    const { network, subnet } = tokenizer.networks('2001:db8::1');
    expect(await networksOf('2001:db8::1')).toEqual({
      masked_ip: tokenizer.token('ip', '2001:db8::1'),
      masked_network: network,
      masked_subnet: subnet,
    });
    const first = await networksOf('198.51.100.1');
    expect(first).toMatchObject({
      masked_network: tokenizer.networks('198.51.100.9').network,
      masked_subnet: null,
    });
    expect(await networksOf('198.51.100.2')).toMatchObject({
      masked_network: first!.masked_network,
    });
    expect((await networksOf('198.51.101.1'))!.masked_network).not.toBe(first!.masked_network);
    const sibling = await networksOf('2001:db8:0:1::1');
    expect(sibling!.masked_network).toBe(network);
    expect(sibling!.masked_subnet).not.toBe(subnet);
    // one row a distinct address, none for a device
    const { rows } = await world.database.admin.query('select from public.ip_networks');
    expect(rows).toHaveLength(5);
  });

  it('has one row, however many logins come from it at once', async () => {
    await Promise.all(
      Array.from({ length: 6 }, (_, n) =>
        world.login(
          { ip: '203.0.113.7' },
          { deps: { ...world.containers[n % 2]!, writesNetworks: true } },
        ),
      ),
    );
    expect(await networksOf('203.0.113.7')).toBeDefined();
  });

  it('loses them with its value, by an erase and by age, and gets them back with it', async () => {
    const token = await world.tokenOf('ip', '203.0.113.8');
    const messageId = randomUUID();
    await world.login({ ip: '203.0.113.8' }, { ...on, messageId });
    await world.erase([token]);
    expect(await networksOf('203.0.113.8')).toBeUndefined();
    // delivered again
    await world.login({ ip: '203.0.113.8' }, { ...on, messageId });
    expect(await networksOf('203.0.113.8')).toBeUndefined();
    await world.login({ ip: '203.0.113.8' }, on);
    expect(await networksOf('203.0.113.8')).toBeDefined();

    await writeRetention(world.database.admin, 90);
    await world.database.admin.query(
      `update vault.pii_vault set created_at = now() - interval '91 days' where token = vault.token_bytes($1)`,
      [token],
    );
    expect(await expireValues(world.database.as('vault_maintain'))).toBe(1);
    expect(await networksOf('203.0.113.8')).toBeUndefined();
  });

  it('gets none while it is suppressed', async () => {
    await world.login({ ip: '203.0.113.9' }, on);
    await world.erase([await world.tokenOf('ip', '203.0.113.9')], true);
    await world.login({ ip: '203.0.113.9' }, on);
    expect(await networksOf('203.0.113.9')).toBeUndefined();
  });
});

describe('without networkTokens', () => {
  it('no networks are written', async () => {
    await world.login({ ip: '192.0.2.20' });
    expect(await networksOf('192.0.2.20')).toBeUndefined();
  });

  it('they are filled later: each page is opened after its audit row, and only what is still held is written', async () => {
    for (const ip of ['192.0.2.21', '192.0.2.22', '192.0.2.23']) await world.login({ ip });
    const owner = world.database.as('vault_migrator');
    const before = await countNetworks(owner);
    const opened: number[] = [];
    const deps: FillDeps = {
      next: (after) => addressesWithoutNetworks(owner, after, 10),
      record: (values) =>
        recordOpenedAddresses(owner, 'arn:aws:iam::123456789012:user/operator', values),
      keys: createOpeningKeys(world.kms),
      tokenizer: await world.containers[0].tokenizer(),
      write: (rows) => writeNetworks(owner, rows),
      progress: (count) => void opened.push(count),
    };
    const gone = await world.tokenOf('ip', '192.0.2.22');
    // erased after it was read, before it is written
    const write: FillDeps['write'] = async (rows) => {
      await world.erase([gone]);
      return deps.write(rows);
    };
    const todo = before.addresses - before.filled;
    expect(await fillNetworks({ ...deps, write })).toEqual({ written: todo - 1, broken: [] });
    expect(opened.at(-1)).toBe(todo);
    expect(await networksOf('192.0.2.22')).toBeUndefined();
    expect(await networksOf('192.0.2.23')).toMatchObject({
      masked_network: deps.tokenizer.networks('192.0.2.1').network,
    });
    expect(await world.newestAudit(2)).toEqual([
      ['networks', 'revealed', { values: todo }],
      ['erase', 'erased', null],
    ]);
    expect(await fillNetworks(deps)).toEqual({ written: 0, broken: [] });
    expect(await countNetworks(owner)).toMatchObject({
      addresses: before.addresses - 1,
      filled: before.addresses - 1,
    });
  });

  it('a row that does not open is named, and left out', async () => {
    await world.login({ ip: '192.0.2.30' });
    const token = await world.tokenOf('ip', '192.0.2.30');
    await world.database.admin.query(
      `update vault.pii_vault set ciphertext = ciphertext || '\\x00' where token = vault.token_bytes($1)`,
      [token],
    );
    const owner = world.database.as('vault_migrator');
    const report = await fillNetworks({
      next: (after) => addressesWithoutNetworks(owner, after, 100),
      record: (values) =>
        recordOpenedAddresses(owner, 'arn:aws:iam::123456789012:user/operator', values),
      keys: createOpeningKeys(world.kms),
      tokenizer: await world.containers[0].tokenizer(),
      write: (rows) => writeNetworks(owner, rows),
      progress: () => undefined,
    });
    expect(report).toEqual({ written: 0, broken: [token] });
  });
});

describe('the table of networks', () => {
  it.each([
    ['vault_analyst', 'delete from public.ip_networks'],
    ['vault_analyst', `insert into public.ip_networks values ('a', 'b')`],
    ['vault_ingest', 'select masked_network from public.ip_networks'],
    ['vault_ingest', 'delete from public.ip_networks'],
    ['vault_ingest', `update public.ip_networks set masked_network = 'x'`],
    ['vault_erase', 'select * from public.ip_networks'],
    ['vault_auditor', 'select * from public.ip_networks'],
  ] as const)('does not let %s do this: %s', async (role, statement) => {
    const thief = await stolenLogin(world.database, role);
    await expect(thief.query(statement)).rejects.toThrow('permission denied');
  });
});

describe('a rotation of the token key', () => {
  it('carries the networks along, under the next key, and leaves none of the former one', async () => {
    const own = await createPrivacyWorld();
    const written = { deps: { ...own.containers[0], writesNetworks: true } };
    const all = async () =>
      (await own.database.admin.query<Row>('select * from public.ip_networks order by 1')).rows;
    try {
      for (const ip of ['198.51.100.1', '198.51.100.2', '2001:db8::1', '203.0.113.50']) {
        await own.login({ ip }, written);
      }
      await own.login({ ip: '203.0.113.51' });
      const rotation = await openTestRotation(own.database, own.kms);
      const erased = await own.tokenOf('ip', '203.0.113.50');
      const { swapped } = await rotation.rotate({
        // erased after it was mapped
        pause: async () => void (await own.erase([erased])),
      });
      expect(swapped).toMatchObject({ from: 1, to: 2 });
      const next = await createTokenizerSource(own.kms, 2)();
      const expected = ['198.51.100.1', '198.51.100.2', '2001:db8::1'].map((ip) => ({
        masked_ip: next.token('ip', ip),
        masked_network: next.networks(ip).network,
        masked_subnet: next.networks(ip).subnet,
      }));
      expect(await all()).toEqual(
        expected.toSorted((a, b) => (a.masked_ip < b.masked_ip ? -1 : 1)),
      );
      // a former name still names the value, and its networks go with it
      await own.erase([expected[0]!.masked_ip]);
      expect(await all()).toHaveLength(2);
      await rotation.finish();
      await switchRotation(own.database, false);
    } finally {
      await own.database.drop();
    }
  });
});
