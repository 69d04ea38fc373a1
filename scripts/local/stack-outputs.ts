import { signedPost } from '../../client/signed-post.ts';
import { UserError } from '../../cli/user-error.ts';
import { localAws, type Settings } from './settings.ts';

/** The outputs of the local stage's stack, by name. Throws `UserError` where it is not deployed. */
export async function stackOutputs({ endpoint }: Settings): Promise<ReadonlyMap<string, string>> {
  const { status, text } = await signedPost(
    new URL('/', endpoint),
    'Action=DescribeStacks&Version=2010-05-15&StackName=pii-vault-local',
    { service: 'cloudformation', ...localAws },
    { contentType: 'application/x-www-form-urlencoded' },
  );
  if (status !== 200) throw new UserError('The stack pii-vault-local is not deployed: npm start');
  const output = /<OutputKey>(.+?)<\/OutputKey>\s*<OutputValue>(.*?)<\/OutputValue>/gs;
  return new Map([...text.matchAll(output)].map(([, key = '', value = '']) => [key, value]));
}
