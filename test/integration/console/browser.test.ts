import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContext, Page, Request } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { storedMessage } from '../../helpers/aws-server.ts';
import { findChromium, startChromium } from '../../helpers/chromium.ts';
import { approvalWorld, someone } from '../../helpers/approval.ts';
import { type ConsoleWorld, startConsoleWorld } from '../../helpers/console-world.ts';

const chromium = findChromium();
if (chromium === null) {
  console.log(
    'The tests of the console in a browser are skipped: there is no Chromium. ' +
      'Install chromium-headless-shell (Debian), or set VAULT_TEST_CHROMIUM.',
  );
}

const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
// where pictures of all pages go, for a person to look at
const pictures = process.env['VAULT_TEST_PICTURES'];
const deviceId = '<script>document.title="run"</script>\u202Egnp';
const reason = 'fraud case 4711';
const dayMs = 24 * 60 * 60 * 1000;
const pages = [
  'overview',
  'report',
  'reveal',
  'approvals',
  'look-up',
  'erase',
  'audit',
  'dead-letters',
  'data-keys',
  'alarms',
] as const;

describe.skipIf(chromium === null)('the console in a browser', () => {
  let world: ConsoleWorld;
  let browser: Browser;
  let axe: string;
  /** What the printed address was traded for. */
  let storageState: Awaited<ReturnType<BrowserContext['storageState']>>;
  let overview: string;
  let context: BrowserContext;
  let page: Page;
  let faults: string[];
  let requests: Request[];
  let tokens: { masked_ip: string; masked_device_id: string };

  beforeAll(async () => {
    world = await startConsoleWorld();
    for (let day = 0; day < 20; day += 1) {
      for (let count = 0; count <= (day * 7) % 5; count += 1) {
        await world.login({ ip: `198.51.100.${count}` }, Date.now() - day * dayMs);
      }
    }
    tokens = await world.login({ ip: '192.0.2.77', device_id: deviceId });
    world.aws.dead = ['invalid_json', 'invalid_json', 'invalid_field:ip'].map((code) =>
      storedMessage({ attributes: { reason: code } }),
    );
    browser = await startChromium(chromium!);
    const launched = await browser.newContext();
    const first = await launched.newPage();
    await first.goto(world.url.href);
    overview = first.url();
    storageState = await launched.storageState();
    await launched.close();
    axe = await readFile(axePath, 'utf8');
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await world?.close();
  });

  beforeEach(async () => {
    faults = [];
    requests = [];
    await open();
  });
  afterEach(async () => {
    await context.close();
    expect(faults).toEqual([]);
    const elsewhere = requests.filter((request) => !request.url().startsWith(world.url.origin));
    expect(elsewhere.map((request) => request.url())).toEqual([]);
  });

  /** Opens the console in a new window that has the session's cookie. */
  async function open(options: Parameters<Browser['newContext']>[0] = {}): Promise<void> {
    context = await browser.newContext({ ...options, storageState });
    page = await context.newPage();
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) faults.push(message.text());
    });
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('request', (request) => requests.push(request));
    await page.goto(overview);
  }

  async function makeReport(): Promise<void> {
    await page.getByRole('button', { name: /^Make/ }).click();
    // a slow report is waited for on the page
    await page.getByRole('heading', { name: 'What the masked data gives away' }).waitFor();
  }

  const visit = (name: string) => page.getByRole('link', { name, exact: true }).click();

  async function reveal(): Promise<void> {
    await visit('Reveal');
    await page.getByLabel('Tokens').fill(`${tokens.masked_ip}\n${tokens.masked_device_id}`);
    await page.getByLabel('Reason').fill(reason);
    await page.getByRole('button', { name: 'Reveal' }).click();
    await page.getByRole('heading', { name: '2 revealed, 0 missing' }).waitFor();
    // the page's script, which hides the values, has run by then
    await page.waitForLoadState();
  }

  async function revealCount(): Promise<number> {
    const { rows } = await world.database.admin.query<{ count: string }>(
      `select count(*) as count from vault.reveal_audit where action = 'reveal'`,
    );
    return Number(rows[0]!.count);
  }

  it('shows how the stage does, with charts that are drawn', async () => {
    const chart = page.getByRole('img', { name: /^Logins by day: \d+ logins in 30 days$/ });
    const drawn = await chart.screenshot();
    await chart.evaluate((svg) => svg.replaceChildren());
    expect(drawn.equals(await chart.screenshot())).toBe(false);
    await page.getByText('There are no rows yet.').waitFor();
    expect(await page.locator('[role=alert]').count()).toBe(0);
  });

  it('makes the report on request, with charts, and what a device type says as text', async () => {
    await world.login({ device_type: '<i>kiosk</i>\u202E', locale: '<b>' });
    await visit('Report');
    expect(await page.locator('.report').count()).toBe(0);
    await makeReport();
    const chart = page.getByRole('img', {
      name: /^Logins by day and type of device: \d+ logins in \d+ days$/,
    });
    const drawn = await chart.screenshot();
    await chart.evaluate((svg) => svg.replaceChildren());
    expect(drawn.equals(await chart.screenshot())).toBe(false);
    const text = await page.locator('.report').innerText();
    expect(text).toContain('<i>kiosk</i>\\u{202E}');
    expect(text).toContain('invalid_field:ip');
    expect(text).not.toContain('192.0.2.77');
    // a reload shows the same report, and makes none
    const asOf = await page.getByText(/As of \d/).innerText();
    await page.reload();
    expect(await page.getByText(/As of \d/).innerText()).toBe(asOf);
  });

  it('reveals with a reason, and shows what a device is called as text', async () => {
    await reveal();
    const text = await page.getByRole('region', { name: 'Revealed values' }).innerText();
    expect(text).toContain('192.0.2.77');
    expect(text).toContain('<script>document.title="run"</script>\\u{202E}gnp');
    expect(await page.title()).toBe('Reveal · local · pii-vault');
    await visit('Audit');
    expect(await page.getByRole('region', { name: 'Audit rows' }).innerText()).toContain(reason);
  });

  it('hides the values after a minute, on request, and when the page is left', async () => {
    await page.clock.install();
    const shown = page.getByText('192.0.2.77');
    await reveal();
    await page.clock.fastForward(59_000);
    expect(await shown.count()).toBe(1);
    await page.clock.fastForward(1_500);
    expect(await shown.count()).toBe(0);
    expect(await page.content()).not.toContain('192.0.2.77');

    await reveal();
    await page.getByRole('link', { name: 'Hide now' }).click();
    expect(await page.content()).not.toContain('192.0.2.77');

    await reveal();
    await page.evaluate("dispatchEvent(new Event('pagehide'))");
    expect(await page.content()).not.toContain('192.0.2.77');
  });

  it('keeps nothing of an answer for the back button', async () => {
    await reveal();
    const before = await revealCount();
    await visit('Overview');
    await expect(page.goBack()).rejects.toThrow('ERR_CACHE_MISS');
    expect(await revealCount()).toBe(before);
  });

  it('shows and audits nothing again when the answer is reloaded', async () => {
    await reveal();
    const before = await revealCount();
    await page.reload();
    expect(await page.content()).not.toContain('192.0.2.77');
    expect(await page.getByRole('alert').innerText()).toContain('This form was sent before.');
    expect(await revealCount()).toBe(before);
  });

  it('looks up values and says how often they logged in', async () => {
    await visit('Look up');
    await page.getByLabel('Values').fill('192.0.2.77\n203.0.113.9');
    await page.getByLabel('Reason').fill(reason);
    await page.getByRole('button', { name: 'Look up' }).click();
    await page.getByRole('heading', { name: '1 of 2 in the vault' }).waitFor();
    const row = page.getByRole('row', { name: /192\.0\.2\.77/ });
    expect(await row.innerText()).toMatch(/yes\s+1\s+1\s+\d{4}-/);
    expect(await row.innerText()).toContain(tokens.masked_ip);
  });

  it('searches the audit, and verifies its chain', async () => {
    await reveal();
    await visit('Audit');
    await page.getByLabel('Token, person, reason or request').fill(tokens.masked_device_id);
    await page.getByLabel('Action').selectOption('reveal');
    await page.getByRole('button', { name: 'Search' }).click();
    const rows = page.getByRole('region', { name: 'Audit rows' }).locator('tbody tr');
    const texts = await rows.allInnerTexts();
    expect(texts.length).toBeGreaterThan(0);
    for (const text of texts) expect(text).toContain(tokens.masked_device_id);
    await page.getByRole('button', { name: 'Verify all rows now' }).click();
    await page.getByText(/^All \d+ rows are right\.$/).waitFor();
  });

  it('counts dead letters by reason before it sends any', async () => {
    await visit('Dead letters');
    await page.getByRole('button', { name: 'Count by reason' }).click();
    await page.getByRole('heading', { name: 'Dry run: nothing was sent' }).waitFor();
    expect(await page.getByRole('row', { name: /invalid_json/ }).innerText()).toMatch(/2\s+2\s+0/);
    expect(world.aws.dead).toHaveLength(3);
    expect(world.aws.login).toEqual([]);
  });

  it('can be used by keyboard only', async () => {
    const focused = page.locator(':focus');
    await page.keyboard.press('Tab');
    expect(await focused.textContent()).toBe('Skip to the content');
    for (const name of ['Overview', 'Report', 'Reveal']) {
      await page.keyboard.press('Tab');
      expect(await focused.textContent()).toBe(name);
    }
    await page.keyboard.press('Enter');
    await page.getByLabel('Tokens').focus();
    await page.keyboard.type(tokens.masked_ip);
    await page.keyboard.press('Tab');
    await page.keyboard.type(reason);
    await page.keyboard.press('Enter');
    await page.getByText('192.0.2.77').waitFor();
  });

  it('erases, and lifts what was suppressed, by keyboard only', async () => {
    const { masked_ip: token } = await world.login({ ip: '203.0.113.44' });
    await visit('Erase');
    await page.getByRole('textbox', { name: 'Tokens' }).first().focus();
    await page.keyboard.type(token);
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').getAttribute('name')).toBe('user-id');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    expect(await page.getByLabel('Suppress these values').isChecked()).toBe(true);
    await page.keyboard.press('Tab');
    await page.keyboard.type(reason);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Nothing is erased yet' }).waitFor();
    await press('Erase and suppress 1 value');
    await page.getByRole('heading', { name: '1 erased, 0 without a value' }).waitFor();
    const download = page.waitForEvent('download');
    await press('Download the certificate');
    expect((await download).suggestedFilename()).toMatch(/^erasure-[\w-]+\.json$/);

    await page.getByRole('textbox', { name: 'Tokens' }).last().focus();
    await page.keyboard.type(token);
    await page.keyboard.press('Tab');
    await page.keyboard.type(reason);
    await press('Lift');
    await page.getByText('1 suppression lifted.').waitFor();
  });

  it('approves a request by keyboard only', async () => {
    const { admin } = world.database;
    await admin.query(`insert into vault.approval_rule values (true, 'local', 0, 24)`);
    const caller = world.aws.arn;
    await visit('Reveal');
    await page.getByLabel('Tokens').fill(tokens.masked_ip);
    await page.getByLabel('Reason').fill(reason);
    await page.getByRole('button', { name: 'Reveal' }).click();
    await page.getByText('Somebody else has to approve').waitFor();
    world.aws.arn = 'arn:aws:iam::000000000000:user/olga';
    await visit('Approvals');
    await press('Look at it');
    await page.getByRole('heading', { name: 'Decide' }).waitFor();
    await check('decide-light-1280');
    // the keyboard goes on with the request, not with the navigation
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').innerText()).toBe('1 ip: show it');
    await page.keyboard.press('Enter');
    await page.getByRole('region', { name: 'Tokens of the request' }).waitFor();
    expect(await page.locator('pre').innerText()).toBe(tokens.masked_ip);
    await check('decide-tokens-light-1280');
    await press('Reason');
    await page.keyboard.type('assigned to them');
    await press('Approve');
    await page.getByText(/^Request \S+ is approved\.$/).waitFor();
    const { breakGlass: item } = await approvalWorld(world.database).breakGlass(
      someone.session('a-role-with-a-long-name', 'eve'),
      [tokens.masked_ip],
    );
    await visit('Approvals');
    await check('approvals-open-light-1280');
    await visit('Overview');
    await check('overview-open-light-1280');
    await page.setViewportSize({ width: 360, height: 800 });
    await visit('Approvals');
    // a phone shows all of an item: its cells are below each other
    for (const name of ['Acknowledge', 'Withdraw']) {
      for (const button of await page.getByRole('button', { name }).all()) {
        const box = (await button.boundingBox())!;
        expect(box.x + box.width).toBeLessThanOrEqual(360);
      }
    }
    await check('approvals-open-light-360');
    await approvalWorld(world.database).acknowledge(someone.user('olga'), item!, 1);
    world.aws.arn = caller;
    await admin.query('update vault.approval_rule set above = null');
  });

  /** Goes on with the tab key to what has this name, and presses it; a field is only entered. */
  async function press(name: string): Promise<void> {
    const isThere =
      `(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim()` +
      `.replace(/\\s+/g, ' ') === ${JSON.stringify(name)}`;
    for (let tabs = 0; tabs < 60; tabs += 1) {
      if (await page.evaluate<boolean>(isThere)) {
        const isField = await page.evaluate<boolean>(`document.activeElement.tagName === 'INPUT'`);
        if (!isField) await page.keyboard.press('Enter');
        return;
      }
      await page.keyboard.press('Tab');
    }
    throw new Error(`the tab key does not lead to ${name}`);
  }

  it.each([
    // no colour depends on the width
    ['light', 1280],
    ['dark', 390],
  ] as const)('has no fault that axe finds, in %s at %d px', async (colorScheme, width) => {
    await context.close();
    await open({ colorScheme, viewport: { width, height: 844 } });
    for (const name of pages) {
      await page.goto(page.url().replace(/[\w-]+$/, name));
      await check(`${name}-${colorScheme}-${width}`);
    }
    await reveal();
    await check(`revealed-${colorScheme}-${width}`);
    await visit('Report');
    await makeReport();
    await check(`report-made-${colorScheme}-${width}`);
    await visit('Erase');
    await page.getByRole('textbox', { name: 'Tokens' }).first().fill(tokens.masked_ip);
    await page.getByLabel('Reason').first().fill(reason);
    await page.getByRole('button', { name: 'Show whose logins have them' }).click();
    await page.getByRole('heading', { name: 'Nothing is erased yet' }).waitFor();
    await check(`erase-seen-${colorScheme}-${width}`);
    await visit('Dead letters');
    await page.getByRole('button', { name: 'Count by reason' }).click();
    await page.getByRole('heading', { name: 'Dry run: nothing was sent' }).waitFor();
    await check(`dry-run-${colorScheme}-${width}`);
  });

  async function check(name: string): Promise<void> {
    if (pictures !== undefined) {
      await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
      // docs/images/console.png
      const clip = { x: 0, y: 0, width: 1280, height: 830 };
      if (name === 'overview-light-1280') {
        await page.screenshot({ path: `${pictures}/console.png`, clip });
      }
    }
    const isWide = await page.evaluate('document.documentElement.scrollWidth > innerWidth');
    expect({ name, isWide }).toEqual({ name, isWide: false });
    // run by the debugger, which the page's policy does not hold back
    await page.evaluate(axe);
    const { violations } = (await page.evaluate(
      'axe.run({ resultTypes: ["violations"] })',
    )) as AxeResults;
    expect(violations.map(({ id, nodes }) => [name, id, nodes.map(({ html }) => html)])).toEqual(
      [],
    );
  }
});
