import type { Pool } from 'pg';

import type { RevealParts } from '../lib/requests/reveal.ts';
import { readSealed } from './read-sealed.ts';
import { recordOutcomes, recordReveal } from './record-reveal.ts';

/** The database's part of a reveal, through this pool. */
export function createRevealStore(
  pool: Pool,
): Pick<RevealParts, 'read' | 'record' | 'recordOutcomes'> {
  return {
    read: (tokens) => readSealed(pool, tokens),
    record: (...recorded) => recordReveal(pool, ...recorded),
    recordOutcomes: (...recorded) => recordOutcomes(pool, ...recorded),
  };
}
