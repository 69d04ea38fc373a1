import { html } from 'hono/html';

import { whole } from '../../cli/report/numbers.ts';
import { visible } from '../../cli/visible.ts';
import type { Html } from '../html.ts';
import { panel, problem, table } from '../layout.ts';
import type { Erasure } from './erase.ts';

/** How often a token is in the logins. */
export interface Use {
  logins: number;
  /** All users, or the others where the erasure is for one user. */
  users: number;
  first?: string | null;
  last?: string | null;
}

/** What is known of the tokens before they are erased; a sentence instead of what could not be read. */
export interface Seen {
  uses: ReadonlyMap<string, Use> | string;
  /** What the audit says of tokens that were erased or suppressed before. */
  ended: ReadonlyMap<string, string> | string;
}

/** What will be erased, with the form that erases exactly that. */
export function confirmation(
  { tokens, userId, reason, suppress }: Erasure,
  { uses, ended }: Seen,
  ticket: string,
): Html {
  const values = tokens.length === 1 ? 'value' : 'values';
  return panel(
    'Nothing is erased yet',
    html`${[uses, ended].map((known) => (typeof known === 'string' ? problem(known) : ''))}
      ${table(
        'Tokens whose values will be erased',
        [
          'Token',
          { number: userId === '' ? 'Logins' : 'Logins of this user' },
          { number: userId === '' ? 'Users' : 'Other users' },
          ...(userId === '' ? [{ short: 'First' }, { short: 'Last' }] : []),
          'Before, by the audit',
        ],
        tokens.map((token) => {
          const use = typeof uses === 'string' ? undefined : uses.get(token);
          const count = (amount: number | undefined) =>
            typeof uses === 'string' ? '–' : whole(amount ?? 0);
          return [
            html`<code>${token}</code>`,
            count(use?.logins),
            count(use?.users),
            ...(userId === '' ? [use?.first ?? '–', use?.last ?? '–'] : []),
            (typeof ended === 'string' ? undefined : ended.get(token)) ?? '–',
          ];
        }),
      )}
      <p>
        Afterwards nobody can reveal these values, for any of these users.
        ${suppress ? 'They are never sealed again until somebody lifts that.' : 'The next login with a value seals it again.'}
      </p>
      <p class="hint">Reason: <bdi>${visible(reason)}</bdi></p>
      <form method="post" action="erase#answer">
        <input type="hidden" name="ticket" value="${ticket}" />
        <button name="do" value="erase">
          Erase ${suppress ? 'and suppress ' : ''}${tokens.length} ${values}
        </button>
        <button name="do" value="cancel" class="quiet">Cancel</button>
      </form>`,
  );
}
