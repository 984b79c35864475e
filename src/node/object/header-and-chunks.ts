import { chunkBytesMax } from './object-limits.ts';
import { invalidField } from './request-fields.ts';

/** A message of a stream that is a header, and then chunks. */
interface HeaderOrChunk<Header> {
  readonly part?: { $case: 'header'; value: Header } | { $case: 'chunk'; value: Buffer } | undefined;
}

/** What comes first in such a stream; INVALID_ARGUMENT when it is no header. */
export async function readHeader<Header>(
  parts: AsyncGenerator<HeaderOrChunk<Header>, void, undefined>,
): Promise<Header> {
  const first = await parts.next();
  const part = first.done === true ? undefined : first.value.part;
  if (part?.$case === 'header') return part.value;
  throw invalidField('part', part === undefined ? 'nothing was sent' : 'a chunk came first', 'the header first');
}

/** The rest of such a stream; INVALID_ARGUMENT for what is no chunk, or too large a one. */
export async function* chunksOf<Header>(
  parts: AsyncIterable<HeaderOrChunk<Header>>,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const { part } of parts) {
    if (part?.$case !== 'chunk') {
      const reason = part === undefined ? 'an empty message' : 'a second header';
      throw invalidField('part', reason, 'chunks after the header');
    }
    if (part.value.length > chunkBytesMax) {
      throw invalidField('chunk', `${part.value.length} bytes`, `at most ${chunkBytesMax}`);
    }
    yield part.value;
  }
}
