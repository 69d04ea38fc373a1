import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { eraseValues } from '../../../db/audited-requests.ts';
import { currentTokens } from '../../../db/operations/rotation.ts';
import { withPool } from '../../../cli/database.ts';
import { writeDump } from '../../../cli/dump.ts';
import { fileOf, readManifest } from '../../../cli/manifest.ts';
import { type Restored, restoreDump } from '../../../cli/restore-dump.ts';
import { createTokenizerSource } from '../../../lib/crypto/token.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import { reveal } from '../../../lib/requests/reveal.ts';
import { createKmsDouble, type KmsDouble } from '../../../scripts/local/kms-double.ts';
import { auditContext } from '../../helpers/audit.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { testPassword } from '../../helpers/cluster.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { bootstrapSql } from '../../helpers/postgres.ts';
import {
  nextKey,
  openTestRotation,
  switchRotation,
  type TestRotation,
} from '../../helpers/rotation.ts';
import { ingestDeps, revealDeps } from '../../helpers/vault.ts';

const officer = { id: 'arn:aws:iam::123456789012:user/officer', source: 'iam' } as const;
const killed = () => Promise.reject(new Error('killed'));

let directory: string;
let kms: KmsDouble;
let source: TestDatabase;
let target: TestDatabase;
let rotation: TestRotation;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pii-vault-restore-'));
  kms = createKmsDouble();
  source = await createTestDatabase();
  target = await createTestDatabase(null);
  await target.admin.query(await bootstrapSql());
  rotation = await openTestRotation(source, kms);
});
afterEach(async () => {
  // the role belongs to the whole server: the last of the two drops it
  for (const database of [source, target]) await switchRotation(database, false);
  await source.drop();
  await target.drop();
  await rm(directory, { recursive: true });
});

const collect = (...addresses: string[]) =>
  ingest(
    addresses.map((ip) => sqsRecord(loginMessage({ ip, device_id: null }))),
    ingestDeps(source, kms),
  );

/** The token of this address in that generation. */
const named = async (ip: string, generation: number) =>
  (await createTokenizerSource(kms)(generation)).token('ip', ip);

const erase = (token: string) =>
  eraseValues(source.as('vault_erase'), auditContext({ principal: officer }), [token]);

async function revealFromCopy(...tokens: string[]): Promise<string[]> {
  const request = { tokens, reason: 'are they still there' };
  const principal = { id: 'grace', source: 'claimed' } as const;
  const deps = revealDeps(target, kms);
  const { revealed, missing } = await reveal(request, principal, randomUUID(), deps);
  return tokens.map(
    (asked) =>
      revealed.find(({ token }) => token === asked)?.value ??
      missing.find(({ token }) => token === asked)!.why,
  );
}

async function dump(name: string, auditOnly = false): Promise<string> {
  const path = join(directory, name);
  const client = await source.admin.connect();
  try {
    await writeDump(client, path, { auditOnly });
    return path;
  } finally {
    client.release();
  }
}

/** Makes a dump of what release 0.3.0 wrote: the keys are the last columns of their tables. */
async function withoutKeys(path: string): Promise<void> {
  const manifest = await readManifest(path);
  for (const name of ['rotation', 'token_generation'] as const) {
    const table = manifest.tables[name]!;
    const text = await readFile(fileOf(path, name), 'utf8');
    const shorter = text.replaceAll(/\t[^\t\n]*$/gm, '');
    await writeFile(fileOf(path, name), shorter);
    manifest.tables[name] = {
      ...table,
      columns: table.columns.slice(0, -1),
      sha256: createHash('sha256').update(shorter).digest('hex'),
    };
  }
  await writeFile(join(path, 'manifest.json'), JSON.stringify(manifest));
}

/** Restores the dump with the source's newest audit. */
async function restore(from: string, to = target): Promise<Restored> {
  const audit = await dump(randomUUID(), true);
  const connectionString = `postgresql://vault_migrator:${testPassword}@127.0.0.1:${to.port}/${to.name}`;
  return withPool({ connectionString }, (pool) => restoreDump(pool, from, audit));
}

async function heldInCopy(): Promise<number> {
  const { rows } = await target.admin.query<{ count: number }>(
    'select count(*)::integer as count from vault.pii_vault',
  );
  return rows[0]!.count;
}

async function networksInCopy(): Promise<string[]> {
  const { rows } = await target.admin.query<{ name: string }>(
    'select masked_ip as name from ip_networks order by 1',
  );
  return rows.map(({ name }) => name);
}

const [kept, early, mapped, swapped, late] = [
  '192.0.2.1',
  '192.0.2.2',
  '192.0.2.3',
  '192.0.2.4',
  '192.0.2.5',
] as const;

describe('a backup from', () => {
  it('the mapping of a rotation goes on where it was, without what was erased since', async () => {
    await collect(kept, early, mapped, swapped);
    await source.admin.query(
      `insert into ip_networks (masked_ip, masked_network) select masked_ip, 'ip_network' from user_logins`,
    );
    await erase(await named(early, 1));
    await rotation.begin();
    await (await rotation.deps()).mapPages();
    await collect(late);
    const path = await dump('mapping');
    await erase(await named(mapped, 1));
    await rotation.rotate();
    await erase(await named(swapped, 2));

    expect(await restore(path)).toMatchObject({ erasedAgain: 1, erasedLater: 1, generation: 1 });
    // two under both of their names, and the one that came late
    expect(await heldInCopy()).toBe(5);
    const former = await Promise.all([kept, early, mapped, late].map((ip) => named(ip, 1)));
    expect(await revealFromCopy(...former)).toEqual([kept, 'erased', 'erased', late]);

    const copy = await openTestRotation(target, kms);
    expect(await copy.state()).toMatchObject({ phase: 'mapping', nextKey });
    expect(await copy.rotate()).toMatchObject({ isDone: true, swapped: { rewritten: 5 } });
    const present = await Promise.all([kept, swapped, mapped, late].map((ip) => named(ip, 2)));
    expect(await revealFromCopy(...present)).toEqual([kept, 'erased', 'unknown', late]);
    expect(await revealFromCopy(...former)).toEqual([kept, 'erased', 'erased', late]);
    expect(await networksInCopy()).toEqual([await named(kept, 2)]);
    expect(await heldInCopy()).toBe(2);
    expect(await copy.finish()).toMatchObject({ left: 0 });
  });

  it('the grace of a rotation still translates, without what was erased since', async () => {
    await collect(kept, mapped, swapped);
    await expect(rotation.rotate({ sweep: killed })).rejects.toThrow('killed');
    const path = await dump('grace');
    await erase(await named(mapped, 1));
    await rotation.rotate();
    await rotation.finish();
    await erase(await named(swapped, 2));

    expect(await restore(path)).toMatchObject({ erasedAgain: 2, erasedLater: 0, generation: 2 });
    // one under both of its names, since it was not swept
    expect(await heldInCopy()).toBe(2);
    const copy = await openTestRotation(target, kms);
    expect(await copy.state()).toMatchObject({ phase: 'swapped', key: nextKey });
    const former = await Promise.all([kept, mapped, swapped].map((ip) => named(ip, 1)));
    const present = await Promise.all([kept, mapped, swapped].map((ip) => named(ip, 2)));
    expect(await currentTokens(target.as('vault_analyst'), former)).toEqual(present);
    expect(await revealFromCopy(...former)).toEqual([kept, 'erased', 'erased']);

    expect(await copy.rotate()).toMatchObject({ isDone: true, swapped: null });
    expect(await heldInCopy()).toBe(1);
    expect(await copy.finish()).toMatchObject({ left: 0 });
    expect(await revealFromCopy(...present)).toEqual([kept, 'erased', 'erased']);
  });

  it('the mapping of a rotation by release 0.3.0 has the rotation taken back, and begun again', async () => {
    await collect(kept, late);
    await rotation.begin();
    await (await rotation.deps()).mapPages();
    const path = await dump('release');
    await withoutKeys(path);

    expect(await restore(path)).toMatchObject({ generation: 1 });
    const copy = await openTestRotation(target, kms);
    expect(await copy.state()).toMatchObject({ phase: 'mapping', nextKey: null, mapped: 2 });
    await expect(copy.rotate()).rejects.toThrow('release 0.3.0 did not note');
    await copy.abort();
    expect(await copy.rotate()).toMatchObject({ isDone: true, swapped: { rewritten: 2 } });
    const present = await Promise.all([kept, late].map((ip) => named(ip, 2)));
    expect(await revealFromCopy(...present)).toEqual([kept, late]);
  });

  it('before two rotations loses what was erased since when its own key is replaced as often', async () => {
    await collect(kept, mapped, swapped, late);
    const path = await dump('before');
    await erase(await named(mapped, 1));
    await rotation.rotate();
    await erase(await named(swapped, 2));
    await rotation.finish();
    await rotation.rotate();
    await rotation.finish();
    await erase(await named(late, 3));

    await expect(restore(path, source)).rejects.toThrow('The database is not empty');
    expect(await restore(path)).toMatchObject({ erasedAgain: 1, erasedLater: 2, generation: 1 });
    const copy = await openTestRotation(target, kms);
    await copy.rotate();
    const second = await Promise.all([kept, swapped, late].map((ip) => named(ip, 2)));
    expect(await revealFromCopy(...second)).toEqual([kept, 'erased', late]);
    await copy.finish();
    await copy.rotate();
    const third = await Promise.all([kept, late].map((ip) => named(ip, 3)));
    expect(await revealFromCopy(...third)).toEqual([kept, 'erased']);
    expect(await heldInCopy()).toBe(1);
    expect(await copy.finish()).toMatchObject({ left: 0 });
  });
});
