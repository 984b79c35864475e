import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../../src/base/errors.ts';
import {
  type OperationResult,
  WaitingOperations,
} from '../../../../../src/node/metadata/replication/waiting-operations.ts';

const notDone = () => new StratumError('NOT_PRIMARY', 'another one is', { partition: 0, epoch: 2n });
const result: OperationResult = { done: true };
const never = () => new AbortController().signal;
const entry = (index: bigint, epoch = 1n, bytes = 10) => ({ index, epoch, bytes });

describe('WaitingOperations', () => {
  it('answers with the result, the refusal, or that another entry has its place', async () => {
    const waiting = new WaitingOperations();
    const [done, refused, replaced] = [1n, 2n, 3n].map((index) => waiting.add(entry(index), never()));
    waiting.applied({ index: 1n, epoch: 1n }, { result }, notDone);
    waiting.applied({ index: 2n, epoch: 1n }, { refusal: new Error('refused') }, notDone);
    waiting.applied({ index: 3n, epoch: 2n }, { result }, notDone);
    await expect(done).resolves.toBe(result);
    await expect(refused).rejects.toThrow('refused');
    await expect(replaced).rejects.toMatchObject({ code: 'NOT_PRIMARY' });
    expect([waiting.count, waiting.bytes]).toEqual([0, 0]);
  });

  it('lets a caller go whose signal aborts, and takes no harm from its entry afterwards', async () => {
    const waiting = new WaitingOperations();
    const caller = new AbortController();
    const gone = waiting.add(entry(1n), caller.signal);
    const other = waiting.add(entry(2n, 1n, 7), never());
    caller.abort(new Error('gone'));
    await expect(gone).rejects.toThrow('gone');
    expect([waiting.count, waiting.bytes]).toEqual([1, 7]);
    waiting.applied({ index: 1n, epoch: 1n }, { result }, notDone);
    waiting.applied({ index: 2n, epoch: 1n }, { result }, notDone);
    await expect(other).resolves.toBe(result);
  });

  it('leaves open what it gives up', async () => {
    const waiting = new WaitingOperations();
    const open = waiting.add(entry(1n), never());
    waiting.abandon('the node stops');
    await expect(open).rejects.toMatchObject({ code: 'CANCELLED' });
    expect([waiting.count, waiting.bytes]).toEqual([0, 0]);
  });

  it('is settled when nobody waits any more, and at once when nobody does', async () => {
    const waiting = new WaitingOperations();
    await waiting.settled();
    const open = waiting.add(entry(1n), never());
    let isSettled = false;
    const settled = waiting.settled().then(() => {
      isSettled = true;
    });
    await Promise.resolve();
    expect(isSettled).toBe(false);
    waiting.applied({ index: 1n, epoch: 1n }, { result }, notDone);
    await settled;
    await open;
  });

  // Deposed with 1 to 3 waiting, of which the next primary has replaced 1; then the primary again, from 2 on.
  it('keeps a caller whose place in the log a later operation of this node has', async () => {
    const waiting = new WaitingOperations();
    const caller = new AbortController();
    const earlier = waiting.add(entry(2n, 1n), caller.signal);
    const later = waiting.add(entry(2n, 3n), never());
    waiting.applied({ index: 2n, epoch: 3n }, { result }, notDone);
    await expect(later).resolves.toBe(result);
    expect([waiting.count, waiting.bytes]).toEqual([0, 0]);
    await expect(earlier).rejects.toMatchObject({ code: 'NOT_PRIMARY' });
  });

  it('does not let the signal of an earlier caller end a later one of the same place', async () => {
    const waiting = new WaitingOperations();
    const caller = new AbortController();
    const earlier = waiting.add(entry(2n, 1n), caller.signal);
    const later = waiting.add(entry(2n, 3n), never());
    const ends = Promise.allSettled([earlier, later]);
    caller.abort(new Error('gone'));
    waiting.applied({ index: 2n, epoch: 3n }, { result }, notDone);
    waiting.abandon('the test ends');
    await ends;
    await expect(later).resolves.toBe(result);
  });
});
