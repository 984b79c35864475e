/** Content in memory as a stream of one chunk, or of none when it is empty. */
export async function* singleChunk(content: Buffer): AsyncGenerator<Buffer, void, undefined> {
  if (content.length > 0) yield content;
}
