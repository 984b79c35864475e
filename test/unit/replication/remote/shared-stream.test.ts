import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { SharedStream, type SharedStreamOptions } from '../../../../src/replication/remote/shared-stream.ts';
import { type ManualClock, manualClock } from '../../base/manual-clock.ts';

interface Request {
  readonly key: string;
  readonly items: readonly number[];
}

/** A stream whose other end is the test. */
class FakeStream extends EventEmitter {
  readonly written: Request[] = [];
  isCancelled = false;
  isEnded = false;
  takesMore = true;

  write(request: Request): boolean {
    this.written.push(request);
    return this.takesMore;
  }

  end(): void {
    this.isEnded = true;
  }

  cancel(): void {
    this.isCancelled = true;
  }

  /** Answers the next items: each with itself. */
  answer(...items: number[]): void {
    this.emit('data', items);
  }

  /** The items of each message that was written. */
  get messages(): (readonly number[])[] {
    return this.written.map(({ items }) => items);
  }
}

const values: SharedStreamOptions = {
  endpoint: 'node:1',
  method: 'Test',
  itemsMax: 4,
  bytesMax: 1_000,
  messagesMax: 2,
  idleMs: 30_000,
  stallMs: 2_000,
};

/** After what is asked in this turn has been gathered. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('SharedStream', () => {
  let clock: ManualClock;
  let opened: FakeStream[];
  let shared: SharedStream<number, Request, readonly number[], number>;

  const make = (changes: Partial<SharedStreamOptions> = {}, bytesOf: (item: number) => number = () => 1) => {
    clock = manualClock();
    opened = [];
    shared = new SharedStream(
      { ...values, ...changes },
      {
        clock,
        open: () => {
          const stream = new FakeStream();
          opened.push(stream);
          return stream;
        },
        codec: {
          bytesOf,
          encode: (items, key) => ({ items, key }),
          decode: (response: readonly number[], items) => {
            if (response.some((answer, index) => answer !== items[index])) {
              throw new StratumError('DATA_CORRUPT', 'another item');
            }
            return response;
          },
        },
      },
    );
  };
  beforeEach(() => make());

  const ask = (items: readonly number[], { key = '', signal = new AbortController().signal } = {}) => {
    const answers = shared.ask({ items, key, signal });
    answers.catch(() => undefined); // Read by the test, later.
    return answers;
  };
  const first = (): FakeStream => opened[0] ?? new FakeStream();

  it('gathers what is asked in one turn into one message, and gives each caller its own answers', async () => {
    const asked = [ask([1]), ask([2, 3]), ask([4])];
    await turn();
    expect(first().messages).toEqual([[1, 2, 3, 4]]);
    first().answer(1, 2, 3, 4);
    expect(await Promise.all(asked)).toEqual([[1], [2, 3], [4]]);
    expect(opened).toHaveLength(1);
  });

  it('sends no more than its window, and gathers meanwhile', async () => {
    for (const item of [1, 2]) {
      void ask([item]);
      await turn();
    }
    const late = [ask([3]), ask([4])];
    await turn();
    expect(first().messages).toEqual([[1], [2]]);
    first().answer(1);
    await turn();
    expect(first().messages).toEqual([[1], [2], [3, 4]]);
    first().answer(2);
    first().answer(3, 4);
    expect(await Promise.all(late)).toEqual([[3], [4]]);
  });

  it('sends nothing while the peer is behind, and goes on when it has caught up', async () => {
    void ask([1]);
    await turn();
    first().takesMore = false;
    void ask([2]);
    await turn();
    first().answer(1);
    void ask([3]);
    await turn();
    expect(first().messages).toEqual([[1], [2]]);
    first().emit('drain');
    await turn();
    expect(first().messages).toEqual([[1], [2], [3]]);
  });

  it('splits a call that is larger than a message, and joins its answers, also where they come in parts', async () => {
    const answers = ask([1, 2, 3, 4, 5, 6]);
    await turn();
    expect(first().messages).toEqual([
      [1, 2, 3, 4],
      [5, 6],
    ]);
    first().answer(1);
    first().answer(2, 3, 4);
    first().answer(5, 6);
    expect(await answers).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('bounds a message in bytes, and lets one larger item go alone', async () => {
    make({ bytesMax: 10 }, (item) => item);
    void ask([4, 6, 1]);
    void ask([50]);
    await turn();
    first().answer(4, 6);
    await turn();
    expect(first().messages).toEqual([[4, 6], [1], [50]]);
  });

  it('does not mix keys in a message', async () => {
    void ask([1], { key: 'a' });
    void ask([2], { key: 'b' });
    await turn();
    expect(first().written).toEqual([
      { key: 'a', items: [1] },
      { key: 'b', items: [2] },
    ]);
  });

  it('lets a caller leave, before and after its items were sent, without disturbing the others', async () => {
    const leaving = new AbortController();
    const sent = [ask([1], { signal: leaving.signal }), ask([2])];
    await turn();
    void ask([9]);
    await turn();
    const queued = [ask([3], { signal: leaving.signal }), ask([4])];
    leaving.abort(new Error('left'));
    await expect(sent[0]).rejects.toThrow('left');
    await expect(queued[0]).rejects.toThrow('left');
    await expect(ask([5], { signal: leaving.signal })).rejects.toThrow('left');
    first().answer(1, 2);
    first().answer(9);
    await turn();
    expect(first().messages).toEqual([[1, 2], [9], [4]]);
    first().answer(4);
    expect([await sent[1], await queued[1]]).toEqual([[2], [4]]);
    expect([first().isCancelled, opened.length]).toEqual([false, 1]);
  });

  it('fails what is on its way when the stream breaks, and opens a new one for what is not', async () => {
    const lost = [ask([1]), ask([2, 3, 4])];
    await turn();
    void ask([5]);
    await turn();
    const queued = ask([6]);
    await turn();
    first().emit('error', new StratumError('UNREACHABLE', 'gone', { endpoint: 'node:1' }));
    for (const answers of lost) await expect(answers).rejects.toMatchObject({ code: 'UNREACHABLE', message: 'gone' });
    await turn();
    expect(opened[1]?.messages).toEqual([[6]]);
    first().answer(1, 2, 3, 4); // What the old stream still says is nobody's.
    opened[1]?.answer(6);
    expect(await queued).toEqual([6]);
  });

  it('fails what is on its way when the node ends the stream without an answer', async () => {
    const answers = ask([1]);
    await turn();
    first().emit('end');
    await expect(answers).rejects.toMatchObject({ code: 'UNREACHABLE', details: { endpoint: 'node:1' } });
    void ask([2]);
    await turn();
    expect(opened[1]?.messages).toEqual([[2]]);
  });

  it('calls an answer corrupt that is for another item, and gives up the stream', async () => {
    const answers = ask([1]);
    await turn();
    first().answer(7);
    await expect(answers).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
    expect(first().isCancelled).toBe(true);
  });

  it('calls an answer corrupt that nobody has asked for', async () => {
    await Promise.all([ask([1]), turn().then(() => first().answer(1))]);
    first().answer(2);
    expect(first().isCancelled).toBe(true);
    void ask([3]);
    await turn();
    expect(opened[1]?.messages).toEqual([[3]]);
  });

  it('replaces a stream that is silent beyond a caller’s deadline, so that later calls do not hang on it', async () => {
    const deadline = new AbortController();
    const hanging = [ask([1], { signal: deadline.signal }), ask([2])];
    await turn();
    clock.advance(2_000);
    deadline.abort(new StratumError('DEADLINE_EXCEEDED', 'late', { endpoint: 'node:1' }));
    await expect(hanging[0]).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await expect(hanging[1]).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(first().isCancelled).toBe(true);
    const next = ask([3]);
    await turn();
    opened[1]?.answer(3);
    expect(await next).toEqual([3]);
  });

  it('keeps a stream that has been heard of lately when a caller misses its deadline', async () => {
    const deadline = new AbortController();
    void ask([1]);
    await turn();
    const other = ask([2]);
    void ask([3], { signal: deadline.signal });
    await turn();
    clock.advance(1_500);
    first().answer(1);
    clock.advance(1_500);
    deadline.abort(new Error('late'));
    expect(first().isCancelled).toBe(false);
    first().answer(2, 3);
    expect(await other).toEqual([2]);
  });

  it('ends a stream that has been idle for long, and opens another for the next call', async () => {
    const answers = ask([1]);
    await turn();
    clock.advance(20_000);
    first().answer(1);
    await answers;
    clock.advance(29_999);
    expect(first().isEnded).toBe(false);
    clock.advance(1);
    expect(first().isEnded).toBe(true);
    expect(clock.pendingTimers()).toBe(0);
    void ask([2]);
    await turn();
    expect(opened[1]?.messages).toEqual([[2]]);
  });

  it('does not end a stream that owes an answer', async () => {
    void ask([1]);
    await turn();
    clock.advance(100_000);
    expect(first().isEnded).toBe(false);
  });

  it('fails what is asked when it is closed, and what comes later, and leaves no timer', async () => {
    const asked = [ask([1]), ask([2], { key: 'b' }), ask([3], { key: 'c' })];
    await turn();
    shared.close();
    for (const answers of [...asked, ask([4])]) await expect(answers).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(first().isCancelled).toBe(true);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('answers for no items without a message', async () => {
    expect(await ask([])).toEqual([]);
    await turn();
    expect(opened).toEqual([]);
  });
});
