import type { EraseCertificate } from '../../lib/requests/erase.ts';
import type { Outcome } from './drain.ts';

/** The vault as `npm start` uses it, wherever its functions run. */
export interface RunningVault {
  queues: { login: string; deadLetter: string };
  /** Whether its functions can still be asked when the start has ended. */
  staysUp: boolean;
  /** Puts messages into the login queue; returns how many it took. */
  send(bodies: readonly string[]): Promise<number>;
  /** Waits until all that was sent is stored or rejected. */
  drain(): Promise<Outcome>;
  /** How a person asks a function for this, and what it answers. */
  commandFor(functionName: string): string;
  /** Three commands that a person might type next. */
  nextCommands(token: string): string[];
  /** Invokes a function directly. */
  invoke(functionName: string, request?: unknown): Promise<unknown>;
  /** Erases values through the signed URL, as one of the vault's erasers. */
  erase(tokens: readonly string[], reason: string): Promise<EraseCertificate>;
  /** How a person asks for that. */
  eraseCommand(tokens: readonly string[], reason: string): string;
}
