import type { TestProject } from 'vitest/node';

import { startPostgres, templateDatabase } from './postgres.ts';

export { freePort, testPassword } from './postgres.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    databasePort: number;
    templateDatabase: string;
  }
}

/**
 * Starts one Postgres for all test files; returns what stops it. Vitest runs this once. With
 * `TEST_DATABASE=PORT/NAME`, the tests use copies of that migrated database instead.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [givenPort, givenName] = process.env['TEST_DATABASE']?.split('/') ?? [];
  const { port, stop } =
    givenPort === undefined
      ? await startPostgres()
      : { port: Number(givenPort), stop: () => Promise.resolve() };
  project.provide('databasePort', port);
  project.provide('templateDatabase', givenName ?? templateDatabase);
  return stop;
}
