import { VaultCallError } from '../client/errors.ts';
import { awsProblem } from '../cli/aws.ts';
import { UserError } from '../cli/user-error.ts';
import { DatabaseError, VaultError } from '../lib/errors.ts';

/** What went wrong, as a sentence for the person. Shows nothing of a request, a row or a value. */
export function sentenceOf(error: unknown): string {
  if (error instanceof DatabaseError) return databaseSentence(error.state);
  const isPlain =
    error instanceof VaultCallError || error instanceof VaultError || error instanceof UserError;
  return asSentence(isPlain ? error.message : awsProblem(error));
}

function databaseSentence(state: string | null): string {
  if (state === '42501') return 'The database does not allow this with your login.';
  if (state === '57014') return 'The database took too long: narrow the search, or try again.';
  if (state === null) return 'The database did not answer.';
  return `The database did not answer (${state}).`;
}

function asSentence(text: string): string {
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}

/** The answer, or what went wrong as a sentence. */
export async function orSentence<T>(answer: Promise<T>): Promise<T | string> {
  try {
    return await answer;
  } catch (error) {
    return sentenceOf(error);
  }
}
