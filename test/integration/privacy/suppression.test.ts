import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Client } from 'pg';

import { endStolenLogins, stolenLogin } from '../../helpers/attacker.ts';
import { createPrivacyWorld, type PrivacyWorld } from '../../helpers/privacy-world.ts';
import { setLimits } from '../../helpers/vault.ts';

let world: PrivacyWorld;
let deviceId: string;
let token: string;

beforeAll(async () => {
  world = await createPrivacyWorld();
});
afterEach(endStolenLogins);
afterAll(() => world.database.drop());
beforeEach(async () => {
  deviceId = randomUUID();
  token = await world.tokenOf('device_id', deviceId);
  await world.login({ device_id: deviceId });
});

async function loginsWith(maskedDeviceId: string): Promise<number> {
  const { rows } = await world.database.admin.query(
    'select from public.user_logins where masked_device_id = $1',
    [maskedDeviceId],
  );
  return rows.length;
}

/** A sealed value of the token, which opens nothing, as somebody with the rights of ingest inserts it. */
function insert(session: Client) {
  return session.query(
    `insert into vault.pii_vault (token, kind, ciphertext, data_key_id)
     values (decode(translate(right($1, 27), '-_', '+/') || '=', 'base64'), 'device_id', '\\x02', (select id from vault.data_keys limit 1))`,
    [token],
  );
}

/** An erase for good as somebody with the login of erase calls it. */
function eraseForGood(session: Client) {
  return session.query(
    `select * from vault.erase($1, 'iam', 'arn:aws:iam::1:user/o', 'a reason of an officer', $2, true)`,
    [randomUUID(), [token]],
  );
}

describe('a value that was erased for good', () => {
  it('is not sealed again, and its logins are stored as before, whichever container sees it', async () => {
    // the other container remembers the value, too
    await world.login({ device_id: deviceId }, { deps: world.containers[1] });
    const certificate = await world.erase([token], true);
    expect(certificate).toMatchObject({ erased: [token], missing: [], suppressed: true });
    expect(await world.newestAudit(2)).toEqual([
      ['erase', 'erased', null],
      ['suppress', 'suppressed', null],
    ]);
    for (const deps of [...world.containers, ...world.containers]) {
      await world.login({ device_id: deviceId }, { deps });
    }
    expect(await world.holds(token)).toBe(false);
    expect(await world.answerOf(token)).toBe('suppressed');
    expect(await loginsWith(token)).toBe(6);
  });

  it('costs a container that remembers it no second statement', async () => {
    await world.erase([token], true);
    const [container] = world.containers;
    let written = 0;
    const deps = {
      ...container,
      write: (batch: Parameters<typeof container.write>[0]) => {
        written += 1;
        return container.write(batch);
      },
    };
    await world.login({ device_id: deviceId }, { deps });
    await world.login({ device_id: deviceId }, { deps });
    expect(written).toBe(2);
  });

  it('does not keep other values of the same login from being sealed', async () => {
    await world.erase([token], true);
    await world.login({ device_id: deviceId, ip: '192.0.2.44' });
    const ip = await world.tokenOf('ip', '192.0.2.44');
    const { revealed, missing } = await world.reveal(token, ip);
    expect(revealed.map(({ value }) => value)).toEqual(['192.0.2.44']);
    expect(missing).toEqual([{ token, why: 'suppressed' }]);
  });

  it('is sealed by the next login after the suppression was lifted', async () => {
    await world.erase([token], true);
    expect(await world.lift(token)).toMatchObject({ lifted: [token], missing: [] });
    expect(await world.newestAudit(1)).toEqual([['lift', 'lifted', null]]);
    expect(await world.answerOf(token)).toBe('erased');
    await world.login({ device_id: deviceId });
    expect(await world.answerOf(token)).toBe(deviceId);
    expect(await world.lift(token)).toMatchObject({ lifted: [], missing: [token] });
  });

  it('may be one that the vault never held', async () => {
    const unseen = randomUUID();
    const unknown = await world.tokenOf('device_id', unseen);
    expect(await world.erase([unknown], true)).toMatchObject({
      erased: [],
      missing: [{ token: unknown, why: 'unknown' }],
    });
    await world.login({ device_id: unseen });
    expect(await world.answerOf(unknown)).toBe('suppressed');
    await world.lift(unknown);
    expect(await world.answerOf(unknown)).toBe('unknown');
  });

  it('counts against the limits of erase, held or not', async () => {
    const others = await Promise.all([1, 2, 3].map(() => world.tokenOf('device_id', randomUUID())));
    await world.database.admin.query('delete from vault.usage');
    await setLimits(world.database, 'vault_erase', 2);
    await expect(world.erase(others, true)).rejects.toThrow('an hour');
    expect(await world.answerOf(others[0]!)).toBe('unknown');
    await world.erase(others.slice(0, 2), true);
    await expect(world.erase(others.slice(2), true)).rejects.toThrow('an hour');
    await setLimits(world.database, 'vault_erase', 10_000_000);
  });
});

describe('with the login of vault_ingest', () => {
  it('no value is sealed that is suppressed, alone or among others', async () => {
    await world.erase([token], true);
    const thief = await stolenLogin(world.database, 'vault_ingest');
    await expect(insert(thief)).rejects.toThrow('suppressed');
    await expect(
      thief.query(
        `insert into vault.pii_vault (token, kind, ciphertext, data_key_id)
         select case when n = 3 then (vault.suppressed(array[bytes]))[1] else substring(sha256(n::text::bytea) for 20) end,
           'device_id', '\\x02', gen_random_uuid()
         from generate_series(1, 5) as n,
           lateral decode(translate(right($1, 27), '-_', '+/') || '=', 'base64') as bytes`,
        [token],
      ),
    ).rejects.toThrow('suppressed');
    expect(await world.holds(token)).toBe(false);
  });

  it.each(['repeatable read', 'serializable'])(
    'a snapshot from before the suppression helps nothing (%s)',
    async (isolation) => {
      const thief = await stolenLogin(world.database, 'vault_ingest');
      await thief.query(`begin isolation level ${isolation}`);
      await thief.query('select token from vault.pii_vault limit 1');
      await world.erase([token], true);
      await expect(insert(thief)).rejects.toThrow(/read committed|serialize/);
      expect(await world.holds(token)).toBe(false);
    },
  );

  it.each([
    'alter table vault.pii_vault disable trigger refuse_suppressed',
    'drop trigger refuse_suppressed on vault.pii_vault',
    'set session_replication_role = replica',
    'select * from vault.tombstones',
    'begin; lock table vault.tombstones in row share mode',
  ])('the check cannot be reached: %s', async (statement) => {
    const thief = await stolenLogin(world.database, 'vault_ingest');
    await expect(thief.query(statement)).rejects.toThrow(/permission denied|must be owner/);
  });
});

describe('a suppression that meets a login', () => {
  it('deletes what was inserted before it, also if that commits only afterwards', async () => {
    await world.erase([token]);
    const writer = await stolenLogin(world.database, 'vault_ingest');
    await writer.query('begin');
    await insert(writer);
    const erased = world.erase([token], true);
    await world.waiting('vault_erase');
    await writer.query('commit');
    expect((await erased).erased).toEqual([token]);
    expect(await world.answerOf(token)).toBe('suppressed');
  });

  it('fails the statement that did not see it, and the next delivery stores the login without its value', async () => {
    const officer = await stolenLogin(world.database, 'vault_erase');
    await officer.query('begin');
    await eraseForGood(officer);
    const messageId = randomUUID();
    // it seals, since it does not remember the value
    const login = world.login({ device_id: deviceId }, { deps: world.containers[1], messageId });
    const failure = expect(login).rejects.toThrow();
    await world.waiting('vault_ingest');
    await officer.query('commit');
    await failure;
    expect(await world.holds(token)).toBe(false);
    await world.login({ device_id: deviceId }, { deps: world.containers[1], messageId });
    expect(await world.answerOf(token)).toBe('suppressed');
    expect(await loginsWith(token)).toBe(2);
  });

  it('lets the login be sealed if the erase was rolled back', async () => {
    await world.erase([token]);
    const officer = await stolenLogin(world.database, 'vault_erase');
    await officer.query('begin');
    await eraseForGood(officer);
    const login = world.login({ device_id: deviceId });
    await world.waiting('vault_ingest');
    await officer.query('rollback');
    await login;
    expect(await world.answerOf(token)).toBe(deviceId);
  });
});
