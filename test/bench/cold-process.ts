import { pathToFileURL } from 'node:url';

/** What one fresh process took. */
export interface ColdStart {
  loadMs: number;
  callMs: number;
  /** What the first call came to: an error's name, or `answered`. */
  answer: string;
}

// An invalid request where there is a request, no records for ingest: the way through the code that
// needs no network. What has neither (migrate, maintain) fails at a closed port of this machine.
const events: Record<string, unknown> = { ingest: { Records: [] }, 'reveal-url': {} };

const [, , name = '', file = ''] = process.argv;
const start = performance.now();
const { handler } = (await import(pathToFileURL(file).href)) as {
  handler: (event: unknown, context: object) => Promise<unknown>;
};
const loaded = performance.now();
let answer = 'answered';
try {
  await handler(events[name] ?? { tokens: 'none' }, { awsRequestId: 'bench' });
} catch (error) {
  answer = error instanceof Error ? error.name : 'threw';
}
const called = performance.now();
const result: ColdStart = { loadMs: loaded - start, callMs: called - loaded, answer };
process.stdout.write(`\n${JSON.stringify(result)}\n`);
