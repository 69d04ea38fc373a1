import type { Reporter, TestModule } from 'vitest/node';

/** Ends a run with one plain line, `N passed, N failed, N skipped`, for whatever reads the output. */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state] += 1;
      // a file that did not load has no tests to count
      if (module.errors().length > 0) count.failed += 1;
    }
    const unfinished = count.pending + count.skipped;
    console.log(`${count.passed} passed, ${count.failed} failed, ${unfinished} skipped`);
  }
}
