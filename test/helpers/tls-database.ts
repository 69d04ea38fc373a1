import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { Client } from 'pg';

import { testPassword } from './cluster.ts';

/** A login that the proxy was asked for. */
export interface Login {
  user: string;
  database: string;
  /** What the client gave as its password: it came over TLS. */
  password: string;
  /** The name that the client expects of the certificate. */
  servername: string;
}

/** A database as RDS with IAM offers it: TLS, and a signed token as password. */
export interface TlsDatabase {
  port: number;
  logins: Login[];
  close: () => Promise<void>;
}

/** Makes a certificate for this host that signs itself; returns its paths. Needs `openssl`. */
export async function makeCertificate(
  directory: string,
  host: string,
): Promise<{ certificate: string; key: string }> {
  const [certificate, key] = [join(directory, `${host}.pem`), join(directory, `${host}.key`)];
  const request = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
  ];
  const names = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`, '-days', '2'];
  await promisify(execFile)('openssl', [...request, ...names, '-keyout', key, '-out', certificate]);
  return { certificate, key };
}

/** Listens on a port of its own, and passes each login on to the tests' Postgres at `port`. */
export async function startTlsDatabase(
  port: number,
  paths: { certificate: string; key: string },
): Promise<TlsDatabase> {
  const [cert, key] = await Promise.all([readFile(paths.certificate), readFile(paths.key)]);
  const logins: Login[] = [];
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => {
      // an SSLRequest
      socket.write('S');
      const secure = new TLSSocket(socket, { isServer: true, cert, key });
      secure.on('error', () => undefined);
      let servername = '';
      secure.once('secure', () => (servername = String(Reflect.get(secure, 'servername'))));
      void logIn(secure, port, (login) => logins.push({ ...login, servername })).catch(() =>
        socket.destroy(),
      );
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    logins,
    close: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function logIn(
  secure: TLSSocket,
  port: number,
  seen: (login: Omit<Login, 'servername'>) => void,
): Promise<void> {
  const [startup] = (await once(secure, 'data')) as [Buffer];
  const words = startup.subarray(8).toString('utf8').split('\0');
  const value = (name: string) => words[words.indexOf(name) + 1] ?? '';
  secure.write(message('R', 3));
  const [given] = (await once(secure, 'data')) as [Buffer];
  const password = given.subarray(5, -1).toString('utf8');
  const [user, database] = [value('user'), value('database')];
  seen({ user, database, password });

  const upstream = new Client({ host: '127.0.0.1', port, user, database, password: testPassword });
  upstream.on('error', () => undefined);
  await upstream.connect();
  const { stream } = Reflect.get(upstream, 'connection') as { stream: Duplex };
  stream.removeAllListeners('data');
  secure.write(Buffer.concat([message('R', 0), Buffer.from('Z\0\0\0\u0005I', 'latin1')]));
  secure.pipe(stream).pipe(secure);
}

/** A message of the server's that holds one number. */
function message(type: string, value: number): Buffer {
  const buffer = Buffer.alloc(9);
  buffer.write(type);
  buffer.writeInt32BE(8, 1);
  buffer.writeInt32BE(value, 5);
  return buffer;
}
