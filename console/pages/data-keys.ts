import { html } from 'hono/html';

import type { DataKeyGroup } from '../../db/operations/rewrap-keys.ts';
import { whole } from '../../cli/report/numbers.ts';
import { breakable } from '../breakable.ts';
import type { Html } from '../html.ts';
import { layout, panel, problem, table } from '../layout.ts';
import type { ConsoleVault } from '../vault.ts';

/** The data keys by the KMS key that wraps them, or why they are not shown. */
export function dataKeysPage(vault: ConsoleVault, groups: readonly DataKeyGroup[] | string): Html {
  return layout(
    {
      vault,
      current: 'data-keys',
      lead: 'Each container of ingest seals under its own data key for an hour; KMS wraps it. No key is shown here.',
    },
    panel('Data keys by KMS key', typeof groups === 'string' ? problem(groups) : shown(groups)),
  );
}

function shown(groups: readonly DataKeyGroup[]): Html {
  if (groups.length === 0) return html`<p>There are no data keys yet.</p>`;
  return html`${table(
      'Data keys by KMS key',
      ['KMS key', { number: 'Data keys' }, { short: 'Oldest (UTC)' }, { short: 'Newest (UTC)' }],
      groups.map(({ kmsKeyArn, count, oldest, newest }) => [
        html`<code>${breakable(kmsKeyArn)}</code>`,
        whole(count),
        oldest,
        newest,
      ]),
    )}
    <p class="hint">To move them to another KMS key: <code>npx pii-vault rewrap --help</code></p>`;
}
