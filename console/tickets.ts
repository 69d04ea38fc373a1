import { randomBytes } from 'node:crypto';

const maxKept = 1_000;

/** Tickets for forms, each good for one POST: a reloaded answer asks nothing again. */
export interface Tickets<T> {
  issue: (meaning: T) => string;
  /** What the ticket was issued for, once; null for any other ticket. */
  redeem: (ticket: string) => T | null;
}

/** Makes a roll of tickets; the oldest are forgotten when there are many. */
export function createTickets<T>(): Tickets<T> {
  const issued = new Map<string, T>();
  return {
    issue: (meaning) => {
      const ticket = randomBytes(16).toString('base64url');
      issued.set(ticket, meaning);
      for (const oldest of issued.keys()) {
        if (issued.size <= maxKept) break;
        issued.delete(oldest);
      }
      return ticket;
    },
    redeem: (ticket) => {
      const meaning = issued.get(ticket) ?? null;
      issued.delete(ticket);
      return meaning;
    },
  };
}
