import type { TestProject } from 'vitest/node';

import { startPostgres, templateDatabase } from './postgres.ts';

export { freePort, testPassword } from './postgres.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** One for each worker. */
    databasePorts: readonly number[];
    templateDatabase: string;
  }
}

/**
 * Starts a Postgres for each worker, since some tests change the roles of a whole server; returns
 * what stops them. Vitest runs this once. With `TEST_DATABASE=PORT/NAME`, the tests use copies of
 * that migrated database instead.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [givenPort, givenName] = process.env['TEST_DATABASE']?.split('/') ?? [];
  if (givenPort !== undefined) {
    project.provide('databasePorts', [Number(givenPort)]);
    project.provide('templateDatabase', givenName ?? templateDatabase);
    return () => Promise.resolve();
  }
  const workers = project.vitest.config.maxWorkers;
  const servers = await Promise.all(Array.from({ length: workers }, () => startPostgres()));
  project.provide(
    'databasePorts',
    servers.map(({ port }) => port),
  );
  project.provide('templateDatabase', templateDatabase);
  return async () => {
    await Promise.all(servers.map(({ stop }) => stop()));
  };
}
