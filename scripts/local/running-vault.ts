import type { EraseCertificate } from '../../lib/requests/erase.ts';
import type { Outcome } from './drain.ts';
import type { Queues } from './queues.ts';

/** The signed URLs of the local stage. */
export interface LocalUrls {
  REVEAL_URL: string;
  TOKENIZE_URL: string;
  ERASE_URL: string;
  /** Those of approvals are there only where large reveals need one. */
  APPROVE_URL?: string;
  BREAK_GLASS_URL?: string;
}

/** The vault as `npm start` uses it, wherever its functions run. */
export interface RunningVault {
  queues: Queues;
  /** Null where the functions have none. */
  urls: LocalUrls | null;
  /** Whether its functions can still be called when the start has ended. */
  staysUp: boolean;
  /** Puts messages into the login queue; returns the indexes of those it did not take. */
  send(bodies: readonly string[]): Promise<number[]>;
  /** Waits until all that was sent is rejected or, as `countStored` tells, stored. */
  drain(countStored: () => Promise<number>): Promise<Outcome>;
  /** How a person invokes a function, beside the request. */
  commandFor(functionName: string): string;
  /** Commands that a person may type next, each of which works as it stands. */
  nextCommands(token: string | null): string[];
  /** Invokes a function directly. */
  invoke(functionName: string, request?: unknown): Promise<unknown>;
  /** Erases values through the signed URL, as one of the vault's erasers. */
  erase(tokens: readonly string[], reason: string): Promise<EraseCertificate>;
  /** How a person asks for that. */
  eraseCommand(tokens: readonly string[], reason: string): string;
}
