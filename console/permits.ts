import type { Erasure } from './pages/erase.ts';
import type { Tickets } from './tickets.ts';
import type { ConsoleVault } from './vault.ts';

/** What a form may be sent for, once; a redrive that sends names the reasons of its dry run, a decision
 * the request as it was shown, and an erase what was shown of it. */
export type Permit =
  | 'reveal'
  | 'look-up'
  | 'erase'
  | 'verify'
  | 'count'
  | 'report'
  | 'approvals'
  | { send: readonly string[] }
  | { decide: { id: string; digest: string } }
  | { erase: Erasure };

/** What the routes of a page work with. */
export interface RouteParts {
  vault: ConsoleVault;
  tickets: Tickets<Permit>;
}

/** Said instead of doing anything a second time. */
export const alreadySent =
  'This form was sent before. Nothing was asked again: fill in the form below.';
