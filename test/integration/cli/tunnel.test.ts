import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { appendRows } from '../../helpers/audit.ts';
import { type AwsServer, startAwsServer } from '../../helpers/aws-server.ts';
import { type CliResult, runCli } from '../../helpers/cli.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { makeCertificate, startTlsDatabase, type TlsDatabase } from '../../helpers/tls-database.ts';

const host = 'vault.example.test';
const hasOpenssl = canRun('openssl', 'version');
if (!hasOpenssl) console.log('The tests of --database-via are skipped: there is no openssl.');

describe.skipIf(!hasOpenssl)('pii-vault through a tunnel to the database of a stage', () => {
  let directory: string;
  let database: TestDatabase;
  let aws: AwsServer;
  let tunnel: TlsDatabase;
  let certificate: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pii-vault-tunnel-'));
    const files = await makeCertificate(directory, host);
    ({ certificate } = files);
    database = await createTestDatabase();
    await appendRows(database.as('vault_reveal'), 2);
    aws = await startAwsServer();
    tunnel = await startTlsDatabase(database.port, files);
  });
  afterAll(async () => {
    await tunnel.close();
    await aws.close();
    await database.drop();
    await rm(directory, { recursive: true });
  });

  function verify(
    databaseHost: string,
    more: string[],
    environment: Record<string, string> = {},
  ): Promise<CliResult> {
    aws.stacks['pii-vault-test'] = {
      DatabaseHost: databaseHost,
      DatabasePort: '5432',
      DatabaseName: database.name,
    };
    tunnel.logins.length = 0;
    return runCli(['verify', '--stage', 'test', ...more], null, {
      environment: { ...aws.environment, ...environment },
    });
  }
  const via = (name = '127.0.0.1') => ['--database-via', `${name}:${tunnel.port}`];

  it.each(['127.0.0.1', 'localhost'])(
    'logs in as the auditor with a token for the real host, whose certificate it checks: %s',
    async (name) => {
      const result = await verify(host, [...via(name), '--database-ca', certificate]);
      expect(result).toMatchObject({ code: 0, output: expect.stringContaining('2 audit rows') });
      expect(tunnel.logins).toMatchObject([
        { user: 'vault_auditor', database: database.name, servername: host },
      ]);
      const token = new URL(`https://${tunnel.logins[0]!.password}`);
      expect(token.host).toBe(`${host}:5432`);
      expect(Object.fromEntries(token.searchParams)).toMatchObject({
        Action: 'connect',
        DBUser: 'vault_auditor',
      });
      expect(result.output).not.toContain('X-Amz');
    },
  );

  it('takes the authorities of NODE_EXTRA_CA_CERTS', async () => {
    const result = await verify(host, via(), { NODE_EXTRA_CA_CERTS: certificate });
    expect(result).toMatchObject({ code: 0 });
  });

  it('gives no token to a host whose certificate is another', async () => {
    const result = await verify('other.example.test', [...via(), '--database-ca', certificate]);
    expect(result).toMatchObject({
      code: 2,
      output: expect.stringContaining('is not that of its host'),
    });
    expect(tunnel.logins).toEqual([]);
  });

  it('gives no token to a host whose certificate nobody known has signed', async () => {
    const result = await verify(host, via());
    expect(result).toMatchObject({
      code: 2,
      output: expect.stringContaining('is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT)'),
    });
    expect(tunnel.logins).toEqual([]);
  });

  it.each([
    [['--database-via', '127.0.0.1'], '--database-via is not HOST:PORT'],
    [['--database-ca', '/nowhere/ca.pem'], '--database-ca cannot be read'],
  ])('says what is wrong with %j', async (more, message) => {
    expect(await verify(host, more)).toMatchObject({
      code: 2,
      output: expect.stringContaining(message),
    });
  });
});

function canRun(program: string, ...parameters: string[]): boolean {
  try {
    execFileSync(program, parameters, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
