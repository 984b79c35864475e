import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { answerOutputErrors } from '../../../src/cli/output-errors.ts';
import { Sink } from './run-command.ts';

const failing = (code: string) =>
  new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })) });

/** What the end of a write comes to when a library would throw at every error of the stream. */
async function writeTo(stdout: Writable) {
  const ends: number[] = [];
  stdout.on('error', (error) => {
    throw error;
  });
  answerOutputErrors({ stdout, stderr: new Sink() }, (code) => ends.push(code));
  const closed = new Promise((resolve) => stdout.once('close', resolve));
  const error = await new Promise<Error | null | undefined>((resolve) => stdout.write('x', resolve));
  await closed;
  return { ends, error };
}

describe('errors of the process’s own output', () => {
  it('end it quietly when the reader went away', async () => {
    expect((await writeTo(failing('EPIPE'))).ends).toEqual([0]);
  });

  it('reach whoever wrote, and nobody else, when they are of another kind', async () => {
    const { ends, error } = await writeTo(failing('ENOSPC'));
    expect(ends).toEqual([]);
    expect(error).toMatchObject({ code: 'ENOSPC' });
  });
});
