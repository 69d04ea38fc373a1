#!/usr/bin/env node
// The command itself: runs main.ts as it is, on every Node that the vault supports.
import { register } from 'tsx/esm/api';

// the AWS SDK warns about old versions of Node each time: nothing that an operator can act on
process.removeAllListeners('warning');
// a reader of the output may stop reading, as head does: the work goes on
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
register();
const { main } = await import('./main.ts');
await main(process.argv.slice(2));
