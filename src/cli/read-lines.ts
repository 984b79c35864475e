import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Characters of one line: more than an id with a comment, or the path of a file, has. */
const lineCharactersMax = 8_192;

/** A line of an input, without its line feed; what stands before that, a carriage return too, may be part of a name. */
export interface InputLine {
  /** Cut off where the line is too long to be kept. */
  readonly text: string;
  /** From 1; 0 for what was no line but an argument. */
  readonly number: number;
}

/**
 * The lines of a stream as they arrive, many at a time, in bounded memory. An iterator a line, as
 * node:readline gives it, would cost more than to place an id.
 */
export async function* readLines(input: Readable, signal: AbortSignal): AsyncGenerator<readonly InputLine[]> {
  const decoder = new StringDecoder('utf8');
  let number = 0;
  let rest = '';
  for await (const chunk of input) {
    signal.throwIfAborted();
    const parts = (rest + decoder.write(chunk)).split('\n');
    rest = (parts.pop() ?? '').slice(0, lineCharactersMax);
    const first = number;
    number += parts.length;
    if (parts.length > 0) yield parts.map((text, index) => ({ text, number: first + index + 1 }));
  }
  rest += decoder.end();
  if (rest !== '') yield [{ text: rest, number: number + 1 }];
}

/** The same lines in groups of at least so many, but for the last: each group costs a question to every node. */
export async function* inGroups(
  groups: AsyncIterable<readonly InputLine[]>,
  linesMin: number,
): AsyncGenerator<readonly InputLine[]> {
  let gathered: InputLine[] = [];
  for await (const lines of groups) {
    gathered = gathered.concat(lines);
    if (gathered.length < linesMin) continue;
    yield gathered;
    gathered = [];
  }
  if (gathered.length > 0) yield gathered;
}
