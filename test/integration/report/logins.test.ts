import { Pool } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { collectLogins } from '../../../cli/report/collect-logins.ts';
import type { LoginsData } from '../../../cli/report/data.ts';
import { giveAwayOf, loginsInGroupsBelow } from '../../../cli/report/give-away.ts';
import { readCases, readOthers } from '../../../db/report/singled-out.ts';
import { testPassword } from '../../helpers/cluster.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { type Login, login, storeLogins } from '../../helpers/logins.ts';

let database: TestDatabase;
let analyst: Pool;
beforeEach(async () => {
  database = await createTestDatabase();
  // as commands connect: rows are copied out, which a pipelined connection does not do
  analyst = new Pool({
    host: '127.0.0.1',
    port: database.port,
    database: database.name,
    user: 'vault_analyst',
    password: testPassword,
    max: 1,
  });
  // the database is dropped before the connection has gone
  analyst.on('error', () => undefined);
  analyst.on('connect', (client) => client.on('error', () => undefined));
});
afterEach(async () => {
  await analyst.end();
  await database.drop();
});

async function collect(logins: readonly Login[]): Promise<LoginsData> {
  await storeLogins(database.admin, logins);
  return collectLogins(analyst);
}

const kind = ({ kinds }: LoginsData, name: string) => kinds.find((each) => each.kind === name)!;

describe('what the report reads as vault_analyst', () => {
  it('finds nothing in an empty table', async () => {
    const data = await collect([]);
    expect(data).toMatchObject({
      overview: { logins: 0, users: 0 },
      days: [],
      versions: [],
      groups: [],
      clusters: { largest: 0, linked: 0 },
    });
    expect(data.singledOut.map(({ of }) => of)).toEqual([0, 0, 0, 0]);
  });

  it('counts logins by day and type, and puts rare types and versions together', async () => {
    const types = ['a', 'a', 'a', 'b', 'b', 'c', 'd', 'e', 'f', 'g'];
    const { days, versions } = await collect([
      ...types.map((deviceType) => login({ deviceType })),
      login({ deviceType: 'a', day: '2026-01-29' }),
      // longer ago than the chart shows
      login({ deviceType: 'a', day: '2025-10-01' }),
      ...Array.from({ length: 13 }, (_, version) =>
        login({ deviceType: 'a', version, day: '2025-10-01' }),
      ),
    ]);
    expect(days).toEqual([
      { day: '2026-01-29', deviceType: 'a', logins: 1 },
      { day: '2026-01-31', deviceType: 'a', logins: 3 },
      { day: '2026-01-31', deviceType: 'b', logins: 2 },
      { day: '2026-01-31', deviceType: 'c', logins: 1 },
      { day: '2026-01-31', deviceType: 'd', logins: 1 },
      { day: '2026-01-31', deviceType: 'e', logins: 1 },
      { day: '2026-01-31', deviceType: null, logins: 2 },
    ]);
    expect(versions).toHaveLength(13);
    expect(versions[0]).toEqual({ version: 2_003_000, logins: 12 });
    expect(versions.at(-1)).toEqual({ version: null, logins: 2 });
  });

  it('singles out who differs in what is known, and not who has a twin', async () => {
    const twins = ['a', 'b'].flatMap((user) => [
      login({ user, day: '2026-01-01' }),
      login({ user, day: '2026-01-02' }),
    ]);
    // each day of hers is somebody else's too, both days are nobody else's
    const mixed = [
      login({ user: 'm', day: '2026-01-01' }),
      login({ user: 'm', day: '2026-01-03' }),
    ];
    const other = login({ user: 'o', day: '2026-01-03' });
    const alone = login({ user: 'x', locale: null });
    const { singledOut } = await collect([...twins, ...mixed, other, alone, alone]);
    expect(singledOut.map(({ hits, of }) => [hits, of])).toEqual([
      [1, 5],
      [1, 3],
      [0, 0],
      [0, 0],
    ]);
  });

  it('measures tokens: repeats, users, first days, and who shares them', async () => {
    const data = await collect([
      login({ user: 'a', device: 't1', day: '2026-01-01' }),
      login({ user: 'b', device: 't1', day: '2026-01-02' }),
      login({ user: 'b', device: 't1', day: '2026-01-02' }),
      login({ user: 'b', device: 't2', day: '2026-01-02' }),
      login({ user: 'c', device: 't2', day: '2026-01-03' }),
      login({ user: 'd', device: 't3', day: '2026-01-03' }),
      login({ user: 'e', device: 't4', day: '2026-01-03' }),
      login({ user: 'e', device: null, day: '2026-01-03' }),
      login({ user: null, device: 't4', day: '2026-01-03' }),
    ]);
    const { use, clusters } = kind(data, 'device_id');
    expect(data.overview).toEqual({ logins: 9, users: 5 });
    expect(Object.fromEntries(use.byLogins)).toEqual({ 1: 1, 2: 2, 3: 1 });
    expect(Object.fromEntries(use.byUsers)).toEqual({ 1: 2, 2: 2 });
    expect(Object.fromEntries(use.byFirstDay)).toEqual({
      '2026-01-01': 1,
      '2026-01-02': 1,
      '2026-01-03': 2,
    });
    expect(use.sharingUsers).toEqual([
      { userId: 'b', tokens: 2, others: 2 },
      { userId: 'a', tokens: 1, others: 1 },
      { userId: 'c', tokens: 1, others: 1 },
    ]);
    expect(use.sharedTokens).toEqual([
      { token: 't1', users: 2, logins: 3 },
      { token: 't2', users: 2, logins: 2 },
    ]);
    expect(clusters).toEqual({ largest: 3, linked: 3 });
    expect(giveAwayOf(use.byLogins, use.byUsers)).toMatchObject({
      ownFrequency: { hits: 4, of: 8 },
      blindGuess: { hits: 3, of: 8 },
      logins: { median: 2, max: 3 },
      users: { median: 1, max: 2 },
    });
  });

  it('links users through others, and through tokens of any kind', async () => {
    const data = await collect([
      login({ user: 'a', ip: 'i1' }),
      login({ user: 'b', ip: 'i1', device: 'd1' }),
      login({ user: 'c', device: 'd1', ip: 'i2' }),
      login({ user: 'd', ip: 'i2' }),
      login({ user: 'e', ip: 'i3' }),
      login({ user: 'f', ip: 'i3' }),
      login({ user: 'g', ip: 'i4' }),
    ]);
    expect(kind(data, 'ip').clusters).toEqual({ largest: 2, linked: 6 });
    expect(kind(data, 'device_id').clusters).toEqual({ largest: 2, linked: 2 });
    expect(data.clusters).toEqual({ largest: 4, linked: 6 });
  });

  it('counts logins in groups of few users', async () => {
    const many = Array.from({ length: 5 }, (_, n) => login({ user: `u${n}` }));
    const few = ['a', 'b', 'b'].map((user) => login({ user, version: 1 }));
    const { groups } = await collect([
      ...many,
      ...few,
      login({ locale: null }),
      login({ locale: null }),
    ]);
    expect(groups).toEqual([
      { from: 1, groups: 1, logins: 2 },
      { from: 2, groups: 1, logins: 3 },
      { from: 5, groups: 1, logins: 5 },
    ]);
    expect(loginsInGroupsBelow(groups, 5)).toMatchObject({ hits: 5, of: 10 });
  });

  it('agrees with a count by hand over random logins', async () => {
    let state = 7;
    const below = (n: number) => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((state / 2 ** 31) * n);
    };
    const logins = Array.from({ length: 600 }, () =>
      login({
        user: `u${below(90)}`,
        day: `2026-01-0${1 + below(4)}`,
        version: below(4),
        ip: `i${below(500)}`,
      }),
    );
    const data = await collect(logins);

    const users = grouped(logins, ({ user }) => user!);
    const cases = await readCases(analyst, 1);
    expect(cases).toHaveLength(users.size);
    // which user and which traits a number stands for
    const { rows } = await analyst.query<{
      user: string;
      traits: string;
      name: string;
      known: string;
    }>(
      `select hashtextextended(user_id::text, 0) as user, user_id as name, to_char(create_date, 'YYYY-MM-DD') || ' ' || app_version as known,
         hash_record_extended(row(create_date::date, device_type::text, locale::text, app_version), 0) as traits
       from public.user_logins`,
    );
    const nameOf = new Map(rows.map(({ user, name }) => [user, name]));
    const knownOf = new Map(rows.map((row) => [row.traits, row.known]));
    const others = await readOthers(analyst, cases);
    for (const each of cases) {
      const own = nameOf.get(each.user);
      const known = each.known.map((number) => knownOf.get(number));
      const deepest = [...users]
        .filter(([user]) => user !== own)
        .map(([, theirs]) => {
          const has = new Set(theirs.map(traits));
          const missing = known.findIndex((one) => !has.has(one!));
          return missing === -1 ? known.length : missing;
        });
      expect(others.get(each.user) ?? 0, own).toBe(Math.max(...deepest));
      expect(each.total).toBe(new Set(users.get(own!)!.map(traits)).size);
    }

    const byIp = [...grouped(logins, ({ ip }) => ip!).values()];
    const { use } = kind(data, 'ip');
    for (const [size, tokens] of use.byLogins) {
      expect(byIp.filter(({ length }) => length === size)).toHaveLength(tokens);
    }
    // everybody who is reached from somebody, one after another
    const clusterOf = (start: string) => {
      const found = new Set([start]);
      for (const user of found) {
        const ips = new Set(users.get(user)!.map(({ ip }) => ip));
        for (const each of logins) if (ips.has(each.ip)) found.add(each.user!);
      }
      return found.size;
    };
    expect(data.clusters.largest).toBe(Math.max(...[...users.keys()].map(clusterOf)));
  });

  it('leaves the table to nobody stronger: it reads as vault_analyst only, and writes nothing', async () => {
    await expect(collectLogins(database.as('vault_auditor'))).rejects.toMatchObject({
      state: '42501',
    });
    await expect(collectLogins(database.as('vault_ingest'))).rejects.toMatchObject({
      state: '42501',
    });
  });
});

const traits = (each: Login) => `${each.day} ${each.version}`;

function grouped(logins: readonly Login[], by: (each: Login) => string): Map<string, Login[]> {
  const groups = new Map<string, Login[]>();
  for (const each of logins) groups.set(by(each), [...(groups.get(by(each)) ?? []), each]);
  return groups;
}
