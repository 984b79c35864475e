import { describe, expect, it } from 'vitest';
import { JoinedCalls } from '../../../../src/node/frontend/joined-calls.ts';

function controlled() {
  const started: { key: string; resolve: (value: string) => void; reject: (error: Error) => void }[] = [];
  const calls = new JoinedCalls<string>((key) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    started.push({ key, resolve, reject });
    return promise;
  });
  return { started, calls };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('JoinedCalls', () => {
  it('never joins a call that has been sent, and joins one that has not', async () => {
    const { started, calls } = controlled();
    const first = calls.run('a');
    const [second, third] = [calls.run('a'), calls.run('a')];
    expect(started).toHaveLength(1);
    started[0]?.resolve('old');
    expect(await first).toBe('old');
    await settle();
    expect(started).toHaveLength(2);
    started[1]?.resolve('new');
    expect(await Promise.all([second, third])).toEqual(['new', 'new']);
    await settle();
    void calls.run('a');
    expect(started).toHaveLength(3);
  });

  it('does not end the process when all who waited for a call that fails have gone', async () => {
    const { started, calls } = controlled();
    void calls.run('a');
    // The client of the only caller that the next call has is gone already.
    await expect(calls.run('a', AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    started[0]?.resolve('fine');
    await settle();
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on('unhandledRejection', note);
    started[1]?.reject(new Error('no such repository'));
    await settle();
    await settle();
    process.off('unhandledRejection', note);
    expect([started.length, unhandled]).toEqual([2, []]);
  });

  it('keeps keys apart', () => {
    const { started, calls } = controlled();
    void calls.run('a');
    void calls.run('b');
    expect(started.map(({ key }) => key)).toEqual(['a', 'b']);
  });

  it('starts the waiting call after a failed one too', async () => {
    const { started, calls } = controlled();
    const failing = calls.run('a');
    const waiting = calls.run('a');
    started[0]?.reject(new Error('no'));
    await expect(failing).rejects.toThrow('no');
    await settle();
    started[1]?.resolve('yes');
    expect(await waiting).toBe('yes');
  });

  it('goes on for the others when one caller leaves', async () => {
    const { started, calls } = controlled();
    const leaving = new AbortController();
    const [left, stays] = [calls.run('a', leaving.signal), calls.run('a')];
    leaving.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    started[0]?.resolve('x');
    await settle();
    started[1]?.resolve('y');
    expect(await stays).toBe('y');
  });
});
