import { bars } from './chart.ts';
import type { LoginsData } from './data.ts';
import { html, type Markup } from './html.ts';
import { outOf100 } from './numbers.ts';
import { sentencesOf } from './sentences.ts';

/** What the masked data gives away: a chart, and a sentence for each measure. */
export function giveAwaySection(logins: LoginsData): Markup {
  const sentences = sentencesOf(logins);
  if (sentences.length === 0) {
    return html`<section>
      <h2>What the masked data gives away</h2>
      <div class="card"><p class="empty">Nothing: there are no logins yet.</p></div>
    </section>`;
  }
  const lines = logins.singledOut
    .map(({ hits, of, low, high }, place) => ({
      k: place + 1,
      share: hits / of,
      hits,
      of,
      low,
      high,
    }))
    .filter(({ of }) => of > 0)
    .map(({ k, share, hits, of, low, high }) => ({
      label: k === 1 ? '1 known login' : `${k} known logins`,
      value: share * 100,
      text: outOf100({ hits, of }),
      interval: low === high ? null : ([low * 100, high * 100] as const),
    }));
  return html`<section>
    <h2>What the masked data gives away</h2>
    <p class="soft">
      Everyone who can read <code>user_logins</code> can find this out, without any reveal.
    </p>
    ${bars('Of 100 users, so many are singled out by day, type of device, version and locale of …', lines, 100)}
    <ul class="gives">
      ${sentences.map(
        ({ number, text, note }) =>
          html`<li>
            <p><strong>${number}</strong> ${text}</p>
            <p class="note">${note}</p>
          </li>`,
      )}
    </ul>
  </section>`;
}
