import { html } from 'hono/html';

import type { TokenUse } from '../../db/count-logins.ts';
import { canonical, type PiiKind, piiKinds } from '../../lib/pii-fields.ts';
import { maxPerRequest } from '../../lib/requests/request.ts';
import { whole } from '../../cli/report/numbers.ts';
import { enteredLines } from '../form-text.ts';
import type { Html } from '../html.ts';
import { answer, layout, panel, problem, table } from '../layout.ts';
import type { ConsoleVault } from '../vault.ts';
import { plaintext, plaintextNotice } from './plaintext.ts';
import { reasonField } from './reason.ts';

/** What was entered into the form, and the ticket for its next POST. */
export interface LookUpForm {
  kind: PiiKind;
  values: string;
  reason: string;
  ticket: string;
}

/** A value that was looked up. */
export interface FoundValue {
  value: string;
  token: string;
  held: boolean;
}

export interface LookUpAnswer {
  requestId: string;
  found: readonly FoundValue[];
  /** By token; or why the logins are not shown. */
  uses: ReadonlyMap<string, TokenUse> | string;
}

/** The kind of that name; the first one where there is none. */
export function kindNamed(name: string): PiiKind {
  return piiKinds.find((kind) => kind === name) ?? piiKinds[0]!;
}

/** The values that were entered, each once; or what is wrong with them, by line. */
export function readValues(kind: PiiKind, text: string): { values: string[] } | { wrong: string } {
  const entered = enteredLines(text);
  const bad = entered.filter((line) => canonical[kind](line.text.trim()) === null);
  if (bad.length > 0) {
    const lines = bad.slice(0, 20).map(({ line }) => line);
    return { wrong: `Not a valid ${kind} in line ${lines.join(', ')}. Nothing was asked.` };
  }
  const values = [...new Set(entered.map((line) => line.text.trim()))];
  if (values.length === 0) return { wrong: 'Enter a value. Nothing was asked.' };
  if (values.length <= maxPerRequest) return { values };
  return {
    wrong:
      `These are ${values.length} values, and the page asks for ${maxPerRequest} at most: ` +
      'npx pii-vault tokenize takes more. Nothing was asked.',
  };
}

/** The form, with what the vault answered to the last POST or what went wrong. */
export function lookUpPage(
  vault: ConsoleVault,
  form: LookUpForm,
  outcome: { answer: LookUpAnswer } | { wrong: string } | null = null,
): Html {
  const found = outcome !== null && 'answer' in outcome ? outcome.answer : null;
  const isEntered = form.values !== '';
  return layout(
    {
      vault,
      current: 'look-up',
      lead: 'Finds the tokens of values that you know, and their logins. Opens nothing; each look-up is written into the audit.',
      hasPlaintext: found !== null || isEntered,
    },
    html`${answer(outcome !== null && 'wrong' in outcome ? problem(outcome.wrong) : '')}
    ${answer(found === null ? '' : foundPanel(found))}
    ${panel(found === null ? 'Values' : 'Look up more', fields(form))}`,
  );
}

function fields({ kind, values, reason, ticket }: LookUpForm): Html {
  return html`<form method="post" action="look-up#answer">
    <input type="hidden" name="ticket" value="${ticket}" />
    <label for="kind">Kind</label>
    <select id="kind" name="kind">
      ${piiKinds.map(
        (name) => html`<option value="${name}" ${name === kind ? 'selected' : ''}>${name}</option>`,
      )}
    </select>
    <label for="values">Values</label>
    <textarea
      id="values"
      name="values"
      rows="5"
      required
      spellcheck="false"
      autocomplete="off"
      aria-describedby="values-hint"
      data-plaintext
    >
${values}</textarea>
    <p class="hint" id="values-hint">One in a line, ${maxPerRequest} at most.</p>
    ${reasonField(reason)}
    <button>Look up</button>
  </form>`;
}

function foundPanel({ requestId, found: values, uses }: LookUpAnswer): Html {
  const held = values.filter((value) => value.held).length;
  return panel(
    `${held} of ${values.length} in the vault`,
    html`${plaintextNotice('look-up')} ${typeof uses === 'string' ? problem(uses) : ''}
      ${table(
        'Looked-up values',
        [
          'Value',
          'In the vault',
          { number: 'Logins' },
          { number: 'Users' },
          { short: 'First' },
          { short: 'Last' },
          'Token',
        ],
        values.map(({ value, token, held: isHeld }) => {
          const use = typeof uses === 'string' ? undefined : uses.get(token);
          const count = (amount: number | undefined) =>
            typeof uses === 'string' ? '–' : whole(amount ?? 0);
          return [
            plaintext(value),
            isHeld ? 'yes' : 'no',
            count(use?.logins),
            count(use?.users),
            use?.first ?? '–',
            use?.last ?? '–',
            html`<code>${token}</code>`,
          ];
        }),
      )}
      <p class="hint">
        Request <a href="audit?text=${encodeURIComponent(requestId)}">${requestId}</a>.
      </p>`,
  );
}
