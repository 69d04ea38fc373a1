import type { TestProject } from 'vitest/node';

import { startPostgres } from './postgres.ts';

export { freePort, templateDatabase, testPassword } from './postgres.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    databasePort: number;
  }
}

/** Starts one Postgres for all test files; returns what stops it. Vitest runs this once. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { port, stop } = await startPostgres();
  project.provide('databasePort', port);
  return stop;
}
