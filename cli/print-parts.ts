import { once } from 'node:events';

/** Prints parts as fast as they are read, and no further where the reader stops, as head does. */
export async function printParts(parts: AsyncIterable<string>): Promise<void> {
  for await (const part of parts) {
    if (!process.stdout.writable) return;
    if (process.stdout.write(part)) continue;
    try {
      await once(process.stdout, 'drain');
    } catch {
      return;
    }
  }
}
