import { setTimeout as sleep } from 'node:timers/promises';
import type { Hono } from 'hono';

import { readFields } from '../form-text.ts';
import { createLiveReport } from '../live-report.ts';
import { reportPage } from '../pages/report.ts';
import type { RouteParts } from '../permits.ts';

// most reports are there by then; others are waited for on the page
const patienceMs = 3_000;

/** The page of the report; a POST makes it anew. */
export function addReport(pages: Hono, { vault, tickets }: RouteParts): void {
  const report = createLiveReport(vault);
  pages.get('/report', (context) =>
    context.html(
      reportPage(vault, tickets.issue('report'), { step: report.step(), last: report.last() }),
    ),
  );
  pages.post('/report', async (context) => {
    const fields = readFields(await context.req.text());
    if (tickets.redeem(fields.text('ticket')) === 'report') {
      await Promise.race([report.make(), sleep(patienceMs, undefined, { ref: false })]);
    }
    return context.redirect('report', 303);
  });
}
