import { describe, expect, it } from 'vitest';

import type { ReportData } from '../../../cli/report/data.ts';
import { createLiveReport } from '../../../console/live-report.ts';
import { reportPage } from '../../../console/pages/report.ts';
import { DatabaseError } from '../../../lib/errors.ts';

/** A report that ends when the test says so. */
function slowReport() {
  const made: ((data: Promise<ReportData>) => void)[] = [];
  const steps: (() => void)[] = [];
  const live = createLiveReport({
    report: (told) => {
      steps.push(told);
      return new Promise<ReportData>((resolve) => made.push(resolve));
    },
  });
  return { live, made, step: () => steps[0]!() };
}

const shown = async (step: { done: number; of: number } | null, last: string | null) =>
  String(
    await reportPage({ stage: 'local', person: 'grace' } as Parameters<typeof reportPage>[0], 't', {
      step,
      last,
    }),
  );

describe('the report of the console', () => {
  it('is made once, however often it is asked for meanwhile, and tells how far it is', async () => {
    const { live, made, step } = slowReport();
    expect(live.step()).toBeNull();
    const first = live.make();
    const second = live.make();
    expect(made).toHaveLength(1);
    expect(live.step()).toMatchObject({ done: 0 });
    step();
    expect(live.step()).toMatchObject({ done: 1 });

    const report = { stage: 'local' } as ReportData;
    made[0]!(Promise.resolve(report));
    await Promise.all([first, second]);
    expect(live.step()).toBeNull();
    expect(live.last()).toBe(report);
  });

  it('says in a sentence why there is none, and can be made again', async () => {
    const { live, made } = slowReport();
    const making = live.make();
    made[0]!(Promise.reject(new DatabaseError('42501')));
    await making;
    expect(live.last()).toBe('The database does not allow this with your login.');
    void live.make();
    expect(made).toHaveLength(2);
  });

  it('is waited for on a page that loads itself again, and that has no form', async () => {
    const page = await shown({ done: 2, of: 7 }, null);
    expect(page).toMatch(/data-reload[^>]*>\s*Step 3 of 7\./);
    expect(page).not.toContain('<form');
    expect(await shown(null, 'Access denied.')).toContain('Make it again');
  });
});
