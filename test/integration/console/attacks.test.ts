import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createSession } from '../../../console/session.ts';
import { createTickets } from '../../../console/tickets.ts';
import { approvalWorld, requireApproval, someone } from '../../helpers/approval.ts';
import { type StoredMessage, storedMessage } from '../../helpers/aws-server.ts';
import { type ConsoleWorld, startConsoleWorld } from '../../helpers/console-world.ts';

interface Answer {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  text: string;
}

interface Asked {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  /** What stands in the request line. */
  path: string;
}

const deviceId = '<script>document.title="run"</script>';
const reason = 'fraud case 4711';

let world: ConsoleWorld;
let tokens: { masked_ip: string; masked_device_id: string };
let cookie = '';
let base = '';
beforeAll(async () => {
  world = await startConsoleWorld();
  tokens = await world.login({ ip: '198.51.100.7', device_id: deviceId });
  const launched = await ask({ path: `${world.url.pathname}${world.url.search}` });
  cookie = String(launched.headers['set-cookie']?.[0]).split(';')[0]!;
  base = String(launched.headers['location']).replace(/\/overview$/, '');
});
afterAll(() => world.close());

/** Sends exactly this, with no cookie and no origin of its own. */
function ask({ method = 'GET', headers = {}, body, path }: Asked): Promise<Answer> {
  const { hostname, port } = world.url;
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ hostname, port, path, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, text }),
      );
    });
    sent.on('error', reject).end(body);
  });
}

const get = (page: string, headers: Record<string, string> = {}) =>
  ask({ path: `${base}/${page}`, headers: { cookie, ...headers } });

function post(page: string, fields: Record<string, string>, headers: Record<string, string> = {}) {
  return ask({
    method: 'POST',
    path: `${base}/${page}`,
    headers: {
      cookie,
      origin: world.url.origin,
      'content-type': 'application/x-www-form-urlencoded',
      ...headers,
    },
    body: new URLSearchParams(fields).toString(),
  });
}

/** The ticket of the first form that posts to this page. */
async function ticketOf(page: string): Promise<string> {
  return ticketIn((await get(page)).text);
}

function ticketIn(text: string): string {
  return /name="ticket"\s+value="([^"]+)"/.exec(text)![1]!;
}

function rejected(code: string): StoredMessage {
  return storedMessage({ attributes: { reason: code } });
}

/** What is in the cells of the token's row after the token. */
function columnsOf(page: string, token: string): string[] | undefined {
  const row = page.split('<tr').find((part) => part.includes(`<code>${token}</code>`));
  return row
    ?.split('<td')
    .slice(2)
    .map((cell) => /<div>(.*?)<\/div>/.exec(cell)![1]!);
}

async function revealCalls(): Promise<number> {
  const { rows } = await world.database.admin.query<{ count: string }>(
    `select count(*) as count from vault.reveal_audit where action = 'reveal'`,
  );
  return Number(rows[0]!.count);
}

describe('pii-vault console', () => {
  it('listens on 127.0.0.1 only', async () => {
    const others = Object.values(networkInterfaces())
      .flat()
      .filter((found) => found !== undefined && found.address !== '127.0.0.1')
      .map((found) => found!.address)
      .filter((address) => !address.startsWith('fe80'));
    for (const host of ['127.0.0.2', '::1', ...others]) {
      const isOpen = await new Promise((resolve) => {
        const socket = connect(Number(world.url.port), host);
        socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
      });
      expect({ host, isOpen }).toEqual({ host, isOpen: false });
    }
  });

  it('trades the printed token once, for a cookie that no script and no other site can use', async () => {
    const launched = await ask({ path: `${world.url.pathname}${world.url.search}` });
    expect(launched).toMatchObject({ status: 403, text: expect.stringContaining('used already') });
    expect(launched.headers['set-cookie']).toBeUndefined();

    const url = await world.restart();
    const first = await ask({ path: `${url.pathname}${url.search}` });
    expect(first.status).toBe(303);
    const [set] = first.headers['set-cookie']!;
    base = String(first.headers['location']).replace(/\/overview$/, '');
    expect(set).toMatch(
      new RegExp(`^pii_vault_console=[\\w-]{43}; Path=${base}; HttpOnly; SameSite=Strict$`),
    );
    // the one of the session before opens nothing
    expect((await get('overview')).status).toBe(403);
    cookie = set!.split(';')[0]!;
    expect((await get('overview')).status).toBe(200);
  });

  it.each([
    {},
    { cookie: 'pii_vault_console=' },
    { cookie: `pii_vault_console=${'A'.repeat(43)}` },
  ])('shows nothing without the cookie: %j', async (headers) => {
    for (const path of ['/', base, `${base}/overview`, `${base}/console.js`, '/launch']) {
      const answer = await ask({ path, headers });
      expect(answer).toMatchObject({ status: 403 });
      expect(answer.text).not.toContain('<');
    }
  });

  it.each([
    'localhost',
    'evil.example',
    '127.0.0.1',
    '127.0.0.1:1',
    '127.0.0.1.evil.example',
    '127.1',
  ])('refuses the host %s, as after DNS rebinding', async (host) => {
    const named = host === 'localhost' ? `localhost:${world.url.port}` : host;
    const answer = await get('overview', { host: named });
    expect(answer.status).toBe(421);
    expect(answer.text).not.toContain('<');
  });

  it('goes by the host of an absolute request line too', async () => {
    const path = `http://evil.example:${world.url.port}${base}/overview`;
    const answer = await ask({ path, headers: { cookie, host: world.url.host } });
    expect(answer.status).toBe(421);
  });

  it.each([
    undefined,
    'null',
    'http://evil.example',
    'http://127.0.0.1:1',
    'https://HOST',
    'http://HOST.evil.example',
  ])('refuses a form from the origin %s', async (pattern) => {
    const ticket = await ticketOf('reveal');
    const before = await revealCalls();
    const origin = pattern?.replace('HOST', world.url.host);
    const headers = { cookie, 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await ask({
      method: 'POST',
      path: `${base}/reveal`,
      headers: origin === undefined ? headers : { ...headers, origin },
      body: new URLSearchParams({ ticket, tokens: tokens.masked_ip, reason }).toString(),
    });
    expect(answer.status).toBe(403);
    expect(await revealCalls()).toBe(before);
  });

  it('refuses other methods, other bodies and large ones', async () => {
    const headers = { cookie, origin: world.url.origin };
    for (const method of ['PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      expect(await ask({ method, path: `${base}/reveal`, headers })).toMatchObject({ status: 405 });
    }
    expect(await post('reveal', {}, { 'content-type': 'application/json' })).toMatchObject({
      status: 415,
    });
    const before = await revealCalls();
    const large = { ticket: await ticketOf('reveal'), tokens: tokens.masked_ip, reason };
    const sent = { ...large, more: 'A'.repeat(500_000) };
    for (const more of [{}, { 'transfer-encoding': 'chunked' }]) {
      // the answer may come before all is sent, and then ends the connection
      const status = await post('reveal', sent, more).then(
        (answer) => answer.status,
        () => 413,
      );
      expect(status).toBe(413);
    }
    expect(await revealCalls()).toBe(before);
  });

  it('says in every answer that nothing may be kept, framed, guessed or run', async () => {
    const answers = [
      await get('overview'),
      await get('console.js'),
      await get('missing'),
      await ask({ path: '/' }),
      await get('overview', { host: 'evil.example' }),
      await post('reveal', {}, { 'content-type': 'text/plain' }),
      await post('reveal', {}),
    ];
    for (const { headers } of answers) {
      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'referrer-policy': 'same-origin',
        'x-frame-options': 'DENY',
        'x-content-type-options': 'nosniff',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
      });
      const policy = String(headers['content-security-policy']);
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).toContain("form-action 'self'");
      expect(policy).toContain("base-uri 'none'");
      expect(policy).not.toMatch(/unsafe|http|\*|data:/);
    }
  });

  it('shows plaintext only in the answer to a POST, once, and escaped', async () => {
    const fields = {
      ticket: await ticketOf('reveal'),
      tokens: `${tokens.masked_device_id}\n${tokens.masked_ip}`,
      reason,
    };
    const before = await revealCalls();
    const answer = await post('reveal', fields);
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('198.51.100.7');
    expect(answer.text).toContain('&lt;script&gt;document.title=&quot;run&quot;&lt;/script&gt;');
    expect(answer.text).not.toContain(deviceId);
    expect(await revealCalls()).toBe(before + 2);

    // what a reload sends
    const again = await post('reveal', fields);
    expect(again.text).toContain('This form was sent before.');
    expect(again.text).not.toContain('198.51.100.7');
    expect(await revealCalls()).toBe(before + 2);
    const asGet = await get(`reveal?${new URLSearchParams(fields).toString()}`);
    expect(asGet.text).not.toContain('198.51.100.7');
    expect((await get(`audit?text=${tokens.masked_ip}`)).text).not.toContain('198.51.100.7');
    expect(await revealCalls()).toBe(before + 2);
  });

  it('decides on a large reveal as it was shown, once, and not on one’s own', async () => {
    const rule = (above: string) =>
      world.database.admin.query(
        `insert into vault.approval_rule values (true, 'local', ${above}, 24)
         on conflict (only_row) do update set above = excluded.above`,
      );
    await rule('0');
    const caller = world.aws.arn;
    const nasty = `<script>alert(1)</script> case 4711`;
    const asked = { ticket: await ticketOf('reveal'), tokens: tokens.masked_ip, reason: nasty };
    const refused = await post('reveal', asked);
    expect(refused.text).toContain('Somebody else has to approve so many tokens');
    const listed = await get('approvals');
    expect(listed.text).not.toContain('<script>alert');
    const id = /name="id"\s+value="([^"]+)"/.exec(listed.text)![1]!;

    const look = async () => {
      const ticket = await ticketOf('approvals');
      return ticketIn((await post('approvals', { ticket, do: 'show', id })).text);
    };
    const own = await post('approvals', { ticket: await look(), do: 'approve', reason });
    expect(own.text).toContain('You cannot decide on your own: another person has to');
    world.aws.arn = 'arn:aws:iam::000000000000:user/olga';
    // a ticket of the list decides nothing
    const unseen = { ticket: await ticketOf('approvals'), do: 'approve', id, reason };
    expect((await post('approvals', unseen)).text).toContain('This form was sent before.');
    const shown = await post('approvals', {
      ticket: await ticketOf('approvals'),
      do: 'show',
      id,
    });
    expect(shown.text).toContain('1 ip: show it');
    expect(shown.text).toMatch(new RegExp(`<pre [^>]*>\\s*${tokens.masked_ip}</pre`));
    // the vault wants more of a reason: it is kept, and so is the request
    const short = { ticket: ticketIn(shown.text), do: 'approve', reason: 'too short' };
    const kept = await post('approvals', short);
    expect(kept.text).toContain('value="too short"');
    const seen = { ticket: ticketIn(kept.text), do: 'approve', reason };
    expect((await post('approvals', seen)).text).toContain(`Request ${id} is approved.`);
    expect((await post('approvals', seen)).text).toContain('This form was sent before.');
    world.aws.arn = caller;
    await rule('null');
  });

  it('erases and suppresses what it has shown, once, with a certificate, and lifts that', async () => {
    const { masked_device_id: token } = await world.login({ device_id: 'erased in the console' });
    await world.login({ user_id: 'another', device_id: 'erased in the console' });
    const held = async () => {
      const values = await world.database.admin.query(
        'select from vault.pii_vault where vault.token_text(kind, token) = $1',
        [token],
      );
      return values.rowCount;
    };
    const first = { tokens: token, suppress: 'yes', reason, do: 'look' };
    // a ticket of the first form erases nothing, whatever it is sent with
    const unseen = { ...first, ticket: await ticketOf('erase'), do: 'erase' };
    expect((await post('erase', unseen)).text).toContain('This form was sent before.');
    const look = await post('erase', { ...first, ticket: await ticketOf('erase') });
    expect(look.text).toContain('Nothing is erased yet');
    expect(look.text).toMatch(
      new RegExp(
        `${token}</code></div></td>\\s*(<td [^>]*class="number[^>]*><div>2</div></td>\\s*){2}`,
      ),
    );
    expect(await held()).toBe(1);

    // what is sent with the ticket does not change what was shown
    const seen = { ticket: ticketIn(look.text), do: 'erase', tokens: tokens.masked_ip };
    const done = await post('erase', seen);
    expect(done.text).toContain('1 erased, 0 without a value');
    expect(await held()).toBe(0);
    expect((await post('erase', seen)).text).toContain('This form was sent before.');
    const [, file = ''] = /href="(certificates\/[^"]+)"/.exec(done.text)!;
    const certificate = await get(file);
    expect(certificate.headers['content-disposition']).toBe('attachment');
    expect(JSON.parse(certificate.text)).toMatchObject({
      erased: [token],
      suppressed: true,
      reason,
    });
    expect((await get('certificates/another')).status).toBe(404);

    const login = () => world.login({ user_id: 'later', device_id: 'erased in the console' });
    await login();
    expect(await held()).toBe(0);
    const lift = { ticket: await ticketOf('erase'), tokens: token, reason, do: 'lift' };
    expect((await post('erase', lift)).text).toContain('1 suppression lifted.');
    await login();
    expect(await held()).toBe(1);
  });

  it('shows what an erase would do to a user and what was erased before, and keeps what was entered', async () => {
    const { masked_ip, masked_device_id: token } = await world.login({
      user_id: 'grace',
      ip: '198.51.100.90',
      device_id: 'of two users',
    });
    await world.login({ user_id: 'another', ip: '198.51.100.91', device_id: 'of two users' });
    const form = async (fields: Record<string, string>) =>
      post('erase', { ticket: await ticketOf('erase'), do: 'look', reason, ...fields });
    const look = await form({ 'user-id': 'grace' });
    expect(columnsOf(look.text, masked_ip)).toEqual(['1', '0', '–']);
    expect(columnsOf(look.text, token)).toEqual(['1', '1', '–']);

    const cancelled = await post('erase', { ticket: ticketIn(look.text), do: 'cancel' });
    expect(cancelled.text).toContain('value="grace"');
    expect(cancelled.text).toContain(`value="${reason}"`);

    const again = await form({ tokens: token, suppress: 'yes' });
    await post('erase', { ticket: ticketIn(again.text), do: 'erase' });
    const certificates = /<h2>Certificates<\/h2>[^]*?<\/ul>/.exec((await get('erase')).text)![0];
    expect(certificates).toMatch(/erasure-[\w-]+\.json/);
    const day = new Date().toISOString().slice(0, 10);
    const suppressed = await form({ tokens: token });
    expect(columnsOf(suppressed.text, token)).toEqual(['2', '2', day, day, `suppressed ${day}`]);
    const lifted = await form({ tokens: `${token}\n${masked_ip}`, do: 'lift' });
    expect(lifted.text).toMatch(
      new RegExp(`was not suppressed</div></td>\\s*<td[^>]*><div><code>${masked_ip}`),
    );
    const erased = await form({ tokens: token });
    expect(columnsOf(erased.text, token)!.at(-1)).toBe(`erased ${day}`);
  });

  it('shows on the overview what waits for an approver, and a rotation', async () => {
    const approving = approvalWorld(world.database);
    // without the check of who writes it: a stage has the login of vault_rotate only while it rotates
    const rotation = (outcome: string) =>
      world.database.admin.query(
        `begin;
         alter table vault.reveal_audit disable trigger chain_audit_row;
         select vault.append_event(
           'rotate', 'rotate-1', 'claimed', 'eve', 'a test of the overview', '${outcome}', '{"from": 1, "to": 2}'
         );
         alter table vault.reveal_audit enable always trigger chain_audit_row;
         commit`,
      );
    const figure = async (title: string) =>
      new RegExp(`<dt>${title}</dt>\\s*<dd[^>]*>(\\d+)</dd>`).exec(
        (await get('overview')).text,
      )?.[1];
    expect(await figure('break-glass, not acknowledged')).toBe('0');
    await requireApproval(world.database, 0);
    await approving.request(someone.user('grace'), [tokens.masked_ip]);
    const { breakGlass: item } = await approving.breakGlass(someone.user('eve'), [
      tokens.masked_ip,
    ]);
    await rotation('begun');
    expect(await figure('break-glass, not acknowledged')).toBe('1');
    expect(await figure('requests wait')).toBe('1');
    expect((await get('overview')).text).toContain('to generation 2 began at');

    // a short reason for the acknowledgement is kept
    const list = (await get('approvals')).text;
    const fields = { ticket: ticketIn(list), do: 'acknowledge', id: item!, shown: '1' };
    const kept = await post('approvals', { ...fields, reason: 'too short' });
    expect(kept.text).toMatch(/Why this was right<\/label>[^]*value="too short"/);
    await approving.acknowledge(someone.user('olga'), item!, 1);
    await rotation('aborted');
    expect((await get('overview')).text).not.toContain('generation 2');
    await requireApproval(world.database, null);
  });

  it('says when an hourly limit leaves room again, and how to ask for more', async () => {
    const callUrl = world.aws.callUrl;
    const denied = { error: 'QuotaExceeded', limit: 'quota', message: 'ask for fewer' };
    world.aws.callUrl = () =>
      Promise.resolve([429, { ...denied, remaining: 0, retryAt: '2026-01-31T12:04:30Z' }]);
    const fields = { tokens: tokens.masked_ip, reason };
    const reveal = async () =>
      (await post('reveal', { ...fields, ticket: await ticketOf('reveal') })).text;
    const text = await reveal();
    expect(text).toContain('Your hourly quota is used up: there is room again after 12:05 UTC.');
    expect(text).toContain('npx pii-vault request');
    expect(text).not.toContain('ask for fewer');
    world.aws.callUrl = callUrl;
  });

  it('escapes whatever is entered, searched for or stored', async () => {
    const nasty = `"><script>alert(1)</script>' onload=x`;
    const pages = [
      await get(
        `audit?${new URLSearchParams({ text: nasty, action: nasty, from: nasty }).toString()}`,
      ),
      await post('reveal', { ticket: await ticketOf('reveal'), tokens: nasty, reason: nasty }),
      await post('look-up', {
        ticket: await ticketOf('look-up'),
        kind: nasty,
        values: nasty,
        reason: nasty,
      }),
      await post('erase', {
        ticket: await ticketOf('erase'),
        tokens: nasty,
        reason: nasty,
        do: 'lift',
      }),
      await post('erase', {
        ticket: await ticketOf('erase'),
        tokens: tokens.masked_ip,
        reason: nasty,
        do: 'look',
      }),
      await get(nasty.replaceAll(' ', '')),
    ];
    for (const { text } of pages) expect(text).not.toMatch(/<script>alert|"><script/);
    expect(pages[1]!.text).toContain('Not a token in line 1. Nothing was asked.');
    expect(pages[2]!.text).toContain('Not a valid ip in line 1. Nothing was asked.');
  });

  it('shows a search of the audit that cannot be read as no search', async () => {
    const search = {
      text: '\0',
      from: '2026-99-99',
      to: '2026-02-31',
      before: '-1',
      action: 'drop',
    };
    const answer = await get(`audit?${new URLSearchParams(search).toString()}`);
    expect(answer.status).toBe(200);
    expect(answer.text).toContain(tokens.masked_ip);

    const today = new Date().toISOString().slice(0, 10);
    expect((await get(`audit?from=${today}&to=${today}`)).text).toContain(tokens.masked_ip);
    expect((await get('audit?to=2025-12-31')).text).toContain('No row fits.');
  });

  it('reads the logins for a report only for a form of its own, once', async () => {
    expect((await post('report', { ticket: 'none' })).status).toBe(303);
    expect((await get('report')).text).not.toContain('As of');
    const ticket = await ticketOf('report');
    await post('report', { ticket });
    const shown = async () => /As of [^]*/.exec((await get('report')).text)?.[0];
    const first = await shown();
    expect(first).toContain('What the masked data gives away');
    await world.login({});
    expect(await post('report', { ticket })).toMatchObject({ status: 303, text: '' });
    expect(await shown()).toBe(first);
  });

  it('sends dead letters only after a dry run, and only reasons that it showed', async () => {
    world.aws.dead = [rejected('invalid_json'), rejected('invalid_field:ip')];
    const direct = { ticket: await ticketOf('dead-letters'), reason: 'invalid_json' };
    const counted = await post('dead-letters', direct);
    expect(counted.text).toContain('nothing was sent');
    expect(world.aws.login).toEqual([]);

    world.aws.dead.push(rejected('unsupported_version'));
    const send = (reason_: string) =>
      post('dead-letters', { ticket: ticketIn(counted.text), reason: reason_ });
    expect((await send('unsupported_version')).text).toContain('Nothing was sent.');
    expect(world.aws.login).toEqual([]);

    const next = await post('dead-letters', { ticket: await ticketOf('dead-letters') });
    const chosen = { ticket: ticketIn(next.text), reason: 'invalid_json' };
    expect((await post('dead-letters', chosen)).text).toContain('Sent to the login queue');
    expect(world.aws.login).toHaveLength(1);
    expect((await post('dead-letters', chosen)).text).toContain('This form was sent before.');
    expect(world.aws.login).toHaveLength(1);
  });

  it('says in a plain sentence what AWS refuses, and shows the rest', async () => {
    world.aws.callUrl = () => Promise.resolve([403, { Message: 'Forbidden' }]);
    world.aws.before = (action) => {
      if (action.includes('GetQueueAttributes')) throw new Error('denied');
    };
    const fields = { ticket: await ticketOf('reveal'), tokens: tokens.masked_ip, reason };
    const answer = await post('reveal', fields);
    expect(answer.text).toContain(
      'this identity may not call reveal: ask for the managed policy revealer.',
    );
    const approvals = await get('approvals');
    expect(approvals.text).toContain('You make no requests: that needs the policy revealer.');
    expect(approvals.text).toContain('You decide on no requests: that needs the policy approver.');
    expect(approvals.text).not.toContain('role="alert"');
    const letters = await get('dead-letters');
    expect(letters.text).toContain('The dead-letter queue: access denied');
    expect(letters.text).not.toContain('The login queue');
    const overview = await get('overview');
    expect(overview.text).toContain('The login queue: access denied');
    expect(overview.text).toContain('Logins by day');
  });
});

describe('the launch token', () => {
  it('is refused for a while after ten wrong ones, even if it is right', () => {
    let now = 0;
    const session = createSession(() => now);
    for (let attempt = 0; attempt < 10; attempt += 1) {
      expect(session.open('wrong')).toEqual({ refused: 'wrong' });
    }
    expect(session.open(session.launchToken)).toEqual({ refused: 'too_many' });
    now = 60_000;
    expect(session.open(session.launchToken)).toEqual({ cookie: expect.any(String) });
    expect(session.open(session.launchToken)).toEqual({ refused: 'used' });
  });
});

describe('the ticket of a form', () => {
  it('is good once, and forgotten when there are many newer ones', () => {
    const tickets = createTickets<string>();
    const first = tickets.issue('first');
    const second = tickets.issue('second');
    expect(tickets.redeem(second)).toBe('second');
    expect(tickets.redeem(second)).toBeNull();
    for (let count = 0; count < 1_000; count += 1) tickets.issue('later');
    expect(tickets.redeem(first)).toBeNull();
  });
});
