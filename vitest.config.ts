import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

import ByProject from './test/helpers/sequencer.ts';

export default defineConfig({
  test: {
    // each file waits for other processes half of its time
    maxWorkers: Math.max(3, Math.floor(availableParallelism() / 2)),
    sequence: { sequencer: ByProject },
    reporters: ['default', './test/helpers/count-reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          // loading the same modules for each file takes longer than these tests
          isolate: false,
          unstubEnvs: true,
          // properties try hundreds of values, on a machine that is busy with two other files
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/helpers/cluster.ts', 'test/helpers/cli-bundle.ts'],
          // as for the unit tests: half a second of loading for each file
          isolate: false,
          unstubEnvs: true,
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
