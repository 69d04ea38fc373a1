import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';

const places = [
  process.env['VAULT_TEST_CHROMIUM'],
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
  // where .ci/run unpacks npm's
  fileURLToPath(new URL('../../.local/chromium/chromium', import.meta.url)),
];

/** Where a Chromium is on this machine; null where there is none. */
export function findChromium(): string | null {
  return places.find((path) => path !== undefined && path !== '' && existsSync(path)) ?? null;
}

/** Starts a headless Chromium that calls nobody by itself. */
export function startChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
}
