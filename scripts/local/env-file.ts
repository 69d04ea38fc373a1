import { awsVariables, type Settings } from './settings.ts';
import { writePrivately } from './state.ts';

/** Writes `.local/env`: `NAME=value` lines for scripts, and for `source` in a shell. */
export async function writeEnvFile(
  settings: Settings,
  values: {
    loginQueueUrl: string;
    deadLetterQueueUrl: string;
    databaseUrl: string;
    analystDatabaseUrl: string;
  },
): Promise<void> {
  const variables = {
    ...awsVariables(settings),
    LOGIN_QUEUE_URL: values.loginQueueUrl,
    DEAD_LETTER_QUEUE_URL: values.deadLetterQueueUrl,
    DATABASE_URL: values.databaseUrl,
    ANALYST_DATABASE_URL: values.analystDatabaseUrl,
  };
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  await writePrivately(settings, 'env', lines.join(''));
}
