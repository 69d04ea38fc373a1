import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type RunningCli, startCli } from '../../helpers/cli.ts';
import { testPassword } from '../../helpers/cluster.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { login, storeLogins } from '../../helpers/logins.ts';

let database: TestDatabase;
let cli: RunningCli;
let base: string;
let cookie: string;
beforeAll(async () => {
  database = await createTestDatabase();
  await storeLogins(database.admin, [login({ deviceType: 'watch' })]);
  // what npm start writes where the functions run in its own process
  cli = startCli(['console', '--json'], {
    AWS_ENDPOINT_URL: '',
    DATABASE_URL: `postgresql://postgres:${testPassword}@127.0.0.1:${database.port}/${database.name}`,
  });
  const [line] = await once(cli.process.stdout!, 'data');
  const { url } = JSON.parse(String(line)) as { url: string };
  const launched = await fetch(url, { redirect: 'manual' });
  cookie = launched.headers.getSetCookie()[0]!.split(';')[0]!;
  base = new URL(launched.headers.get('location')!, url).href.replace(/\/overview$/, '');
});
afterAll(async () => {
  cli.process.kill('SIGTERM');
  await cli.ended;
  await database.drop();
});

const get = async (page: string) =>
  (await fetch(`${base}/${page}`, { headers: { cookie } })).text();

async function post(page: string, fields: Record<string, string> = {}): Promise<string> {
  const ticket = /name="ticket" value="([^"]+)"/.exec(await get(page))![1]!;
  const headers = { cookie, origin: new URL(base).origin };
  const body = new URLSearchParams({ ticket, ...fields });
  return (await fetch(`${base}/${page}`, { method: 'POST', headers, body })).text();
}

describe('the console of a local stack without an AWS emulator', () => {
  it('shows what is in the database, and says what it cannot ask', async () => {
    const overview = await get('overview');
    expect(overview).toContain('Logins by day');
    expect(overview).toContain('it runs without an AWS emulator');
    expect(await post('report')).toContain('watch');
    expect(await get('audit')).toContain('No row fits.');
  });

  it('says why it reveals and looks up nothing', async () => {
    const reason = 'fraud case 4711';
    const token = `ip_v1_${'A'.repeat(27)}`;
    const sentence = 'The local stack has no URLs: it runs without an AWS emulator.';
    expect(await post('reveal', { tokens: token, reason })).toContain(sentence);
    expect(await post('look-up', { kind: 'ip', values: '192.0.2.1', reason })).toContain(sentence);
  });
});
