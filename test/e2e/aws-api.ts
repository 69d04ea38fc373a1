import { signedPost } from '../../client/signed-post.ts';
import { localAws } from '../../scripts/local/settings.ts';

/** Calls IAM as the account's root; returns its XML. Throws with what IAM answered otherwise. */
export async function iam(
  endpoint: URL,
  parameters: Readonly<Record<string, string>>,
): Promise<string> {
  const { status, text } = await signedPost(
    new URL('/', endpoint),
    new URLSearchParams(parameters).toString(),
    { service: 'iam', ...localAws },
    { contentType: 'application/x-www-form-urlencoded' },
  );
  if (status !== 200) throw new Error(text);
  return text;
}

/** What the pattern's group matches in the text. Throws where it does not match. */
export function found(text: string, pattern: RegExp): string {
  const match = pattern.exec(text)?.[1];
  if (match === undefined) throw new Error(`nothing like ${pattern} in ${text}`);
  return match;
}
