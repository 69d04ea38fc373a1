import { ingest } from '../../lib/ingest/ingest.ts';
import { ingestDeps } from '../helpers/vault.ts';
import { connect, type Place } from './connect.ts';
import { sharedKms } from './keys.ts';
import { makeBatch } from './workload.ts';

/** What a fresh process needed, in bytes. */
export interface Memory {
  /** Resident before the batch: Node, the code and a connection. */
  resident: number;
  /** The most that was resident. */
  peak: number;
  /** On the JavaScript heap behind the batch, before anything was collected. */
  heap: number;
}

const [, , size = '', place = ''] = process.argv;
const database = connect(JSON.parse(place) as Place);
const deps = ingestDeps(database, sharedKms());
await ingest(makeBatch({ size: 10, newShare: 1, firstNew: 0, held: 0 }), deps);
const resident = process.memoryUsage().rss;

// Lambda parses the event out of its text, so the text is part of what a batch takes
const event = JSON.stringify(
  makeBatch({ size: Number(size), newShare: 1, firstNew: 1_000, held: 0 }),
);
await ingest(JSON.parse(event) as ReturnType<typeof makeBatch>, deps);
const memory: Memory = {
  resident,
  peak: process.resourceUsage().maxRSS * 1024,
  heap: process.memoryUsage().heapUsed,
};
await database.drop();
process.stdout.write(JSON.stringify(memory));
