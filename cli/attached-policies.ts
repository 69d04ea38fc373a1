import { VaultCallError } from '../client/errors.ts';
import { signedPost } from '../client/signed-post.ts';
import type { Caller } from './caller.ts';

/**
 * The ARNs of the managed policies that are attached to a user or role itself, of the first 100;
 * null where they may not be read, or where the identity is of another kind.
 */
export async function attachedPolicies(
  arn: string,
  { credentials, endpoint }: Caller,
): Promise<Set<string> | null> {
  const [, kind, path = ''] = /:(user|assumed-role)\/(.+)$/.exec(arn) ?? [];
  if (kind === undefined) return null;
  // a user's name follows its path; a role's session name follows the role's
  const name = path.split('/').at(kind === 'user' ? -1 : 0) ?? '';
  const subject = kind === 'user' ? 'User' : 'Role';
  const parameters = {
    Action: `ListAttached${subject}Policies`,
    Version: '2010-05-08',
    [`${subject}Name`]: name,
  };
  try {
    const { status, text } = await signedPost(
      new URL('/', endpoint ?? 'https://iam.amazonaws.com'),
      new URLSearchParams(parameters).toString(),
      { service: 'iam', region: 'us-east-1', credentials },
      { contentType: 'application/x-www-form-urlencoded' },
    );
    if (status !== 200) return null;
    return new Set([...text.matchAll(/<PolicyArn>([^<]+)</g)].map(([, found = '']) => found));
  } catch (error) {
    if (error instanceof VaultCallError) return null;
    throw error;
  }
}
