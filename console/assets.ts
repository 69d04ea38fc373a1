import { readFileSync } from 'node:fs';

import { sectionsCss } from '../cli/report/styles.ts';

/** A file that the pages load from the console itself. */
export interface Asset {
  path: string;
  type: string;
  content: string;
}

const files = {
  'console.css': 'text/css; charset=utf-8',
  'console.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const;

/** All of them; nothing else of the disk is served. */
export const assets: readonly Asset[] = [
  ...Object.entries(files).map(([name, type]) => ({
    path: `/${name}`,
    type,
    content: readFileSync(new URL(`assets/${name}`, import.meta.url), 'utf8'),
  })),
  { path: '/report.css', type: files['console.css'], content: sectionsCss },
];
