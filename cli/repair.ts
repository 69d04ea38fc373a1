import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { Repair } from '../lib/operations/redrive.ts';
import { messageOf, UserError } from './user-error.ts';

/** The default export of the module at this path. Throws `UserError`. */
export async function loadRepair(path: string): Promise<Repair> {
  let loaded: { default?: unknown };
  try {
    loaded = (await import(pathToFileURL(resolve(path)).href)) as { default?: unknown };
  } catch (error) {
    throw new UserError(`${path} cannot be loaded: ${messageOf(error)}`);
  }
  if (typeof loaded.default !== 'function') {
    throw new UserError(`${path} has no function as its default export`);
  }
  return loaded.default as Repair;
}
