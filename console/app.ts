import { type Context, Hono } from 'hono';
import { setCookie } from 'hono/cookie';

import { assets } from './assets.ts';
import {
  cookieName,
  headers,
  launchPath,
  noStore,
  sameOriginOnly,
  sessionOnly,
  smallFormsOnly,
} from './guard.ts';
import { alarmsPage } from './pages/alarms.ts';
import { dataKeysPage } from './pages/data-keys.ts';
import { overviewPage } from './pages/overview.ts';
import type { Permit } from './permits.ts';
import { addApprovals } from './routes/approvals.ts';
import { addAudit } from './routes/audit.ts';
import { addDeadLetters } from './routes/dead-letters.ts';
import { addErase } from './routes/erase.ts';
import { addLookUp } from './routes/look-up.ts';
import { addReport } from './routes/report.ts';
import { addReveal } from './routes/reveal.ts';
import { orSentence, sentenceOf } from './sentence.ts';
import type { Session } from './session.ts';
import { createTickets } from './tickets.ts';
import type { ConsoleVault } from './vault.ts';

/** All pages of the console. `origin` is asked at each request: the port is known only later. */
export function createApp(vault: ConsoleVault, session: Session, origin: () => string): Hono {
  const app = new Hono();
  app.use(headers, noStore, sameOriginOnly(origin), sessionOnly(session), ...smallFormsOnly);
  app.notFound((context) => context.text('There is no such page.', 404));
  app.onError((error, context) => context.text(sentenceOf(error), 500));
  app.get(launchPath, (context) => launch(context, session));
  return app.route(session.base, pagesOf(vault));
}

function pagesOf(vault: ConsoleVault): Hono {
  const parts = { vault, tickets: createTickets<Permit>() };
  const pages = new Hono();
  for (const { path, type, content } of assets) {
    pages.get(path, (context) => context.body(content, 200, { 'content-type': type }));
  }
  pages.get('/overview', async (context) => context.html(await overviewPage(vault)));
  pages.get('/data-keys', async (context) =>
    context.html(dataKeysPage(vault, await orSentence(vault.dataKeys()))),
  );
  pages.get('/alarms', async (context) =>
    context.html(alarmsPage(vault, await orSentence(vault.alarms()))),
  );
  addReport(pages, parts);
  addReveal(pages, parts);
  addApprovals(pages, parts);
  addLookUp(pages, parts);
  addErase(pages, parts);
  addAudit(pages, parts);
  addDeadLetters(pages, parts);
  return pages;
}

const refusals = {
  wrong: ['This is not the address that the command printed.', 403],
  used: ['This address was used already: stop the command and start it again.', 403],
  too_many: ['Too many wrong addresses were tried: wait a minute.', 429],
} as const;

function launch(context: Context, session: Session): Response {
  const opened = session.open(context.req.query('token') ?? '');
  if ('refused' in opened) {
    const [sentence, status] = refusals[opened.refused];
    return context.text(sentence, status);
  }
  setCookie(context, cookieName, opened.cookie, {
    httpOnly: true,
    sameSite: 'Strict',
    path: session.base,
  });
  return context.redirect(`${session.base}/overview`, 303);
}
