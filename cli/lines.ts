import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** A line of a text, counted from 1. */
export interface Line {
  number: number;
  text: string;
}

const linesAtOnce = 10;

/**
 * The lines of a text in UTF-8 from line `from` on, ten at a time, as they come. They end with LF or
 * CRLF, and with nothing else: JSON may hold U+2028. Empty lines are counted and left out.
 */
export async function* readBatches(input: Readable, from: number): AsyncGenerator<Line[]> {
  let batch: Line[] = [];
  for await (const line of readLines(input)) {
    if (line.number < from || line.text === '') continue;
    batch.push(line);
    if (batch.length === linesAtOnce) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

async function* readLines(input: Readable): AsyncGenerator<Line> {
  const decoder = new StringDecoder('utf8');
  let number = 0;
  let rest = '';
  const line = (text: string): Line => {
    number += 1;
    // a byte order mark, which some editors write, is not part of the first message
    const own = number === 1 ? text.replace(/^\uFEFF/, '') : text;
    return { number, text: own.replace(/\r$/, '') };
  };
  for await (const chunk of input) {
    const texts = (rest + decoder.write(chunk as Buffer)).split('\n');
    rest = texts.pop()!;
    for (const text of texts) yield line(text);
  }
  rest += decoder.end();
  if (rest !== '') yield line(rest);
}
