import type { Pool, PoolClient } from 'pg';

import { DatabaseError } from '../lib/errors.ts';
import { type Connection, withoutParameters } from './query.ts';

/** Runs `work` on the client that all work under way at the time shares. */
export type SharedClient = <T>(work: (connection: Connection) => Promise<T>) => Promise<T>;

interface Loan {
  client: Promise<PoolClient>;
  borrowers: number;
  isBroken: boolean;
}

/**
 * Lends the pool's one client to all who ask while somebody has it, where the pool itself would
 * let them wait: their statements follow one another without waiting for answers. After a lost
 * connection, whoever asks next gets a new one.
 */
export function createSharedClient(pool: Pool): SharedClient {
  let loan: Loan | null = null;

  return async (work) => {
    const taken = (loan ??= {
      client: withoutParameters(() => pool.connect()),
      borrowers: 0,
      isBroken: false,
    });
    taken.borrowers += 1;
    try {
      return await work(await taken.client);
    } catch (error) {
      taken.isBroken ||= error instanceof DatabaseError && error.isConnectionSpent;
      throw error;
    } finally {
      taken.borrowers -= 1;
      if (loan === taken && (taken.isBroken || taken.borrowers === 0)) loan = null;
      if (taken.borrowers === 0) await giveBack(taken);
    }
  };
}

async function giveBack({ client, isBroken }: Loan): Promise<void> {
  try {
    (await client).release(isBroken);
  } catch {
    // there is none to give back: whoever asked for it has been told
  }
}
