import { html } from 'hono/html';

import type { Html } from './html.ts';
import { problem } from './layout.ts';
import { NotForYou } from './not-for-you.ts';
import { sentenceOf } from './sentence.ts';

/**
 * The answer as `show` has it; in its place why there is none. `without` says plainly what a person does not do who has
 * not the policy for it, such as `You make no requests`.
 */
export async function shown<T>(
  answer: Promise<T>,
  show: (answer: T) => Html,
  without: string | null = null,
): Promise<Html> {
  try {
    return show(await answer);
  } catch (error) {
    const sentence = sentenceOf(error);
    if (!(error instanceof NotForYou)) return problem(sentence);
    const { policy } = error;
    return without === null || policy === null
      ? html`<p>${sentence}</p>`
      : html`<p>${without}: that needs the policy ${policy}.</p>`;
  }
}
