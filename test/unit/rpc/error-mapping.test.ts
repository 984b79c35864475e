import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { fromRpcError, statusDetailsTrailer, toRpcStatus } from '../../../src/rpc/error-mapping.ts';

const origin = { endpoint: '127.0.0.1:1', method: 'Test', timeoutMs: 250 };

/** What the caller makes of an error that a handler threw. */
function overTheWire(error: unknown): StratumError {
  const { code, details, trailer } = toRpcStatus(error);
  const metadata = new Metadata();
  metadata.set(statusDetailsTrailer, trailer);
  return fromRpcError(Object.assign(new Error(details), { code, details, metadata }), origin);
}

const unreachable = new StratumError('UNREACHABLE', 'connection refused', { endpoint: 'o1:1', attempt: 2 });

const samples: readonly StratumError[] = [
  new StratumError('INVALID_ARGUMENT', 'bad', { field: 'node.id', reason: 'empty', expected: 'a name' }),
  new StratumError('NOT_LEADER', 'c2 leads', { leaderId: 'c2', leaderAddress: 'c2:7480' }),
  new StratumError('NOT_LEADER', 'nobody leads', {}),
  new StratumError('NOT_PRIMARY', 'm2 is', {
    partition: 63,
    primaryId: 'm2',
    primaryAddress: 'm2:1',
    epoch: 2n ** 63n,
  }),
  new StratumError('STALE_EPOCH', 'old ring', { fence: 'ring_epoch', sent: 1n, current: 2n ** 64n - 1n }),
  new StratumError('ZOMBIE_NODE', 'replaced', { nodeId: 'o1', expectedGeneration: 5n, givenGeneration: 4n }),
  new StratumError('VERSION_CONFLICT', 'moved', { what: 'topology', expected: '4', current: '5' }),
  new StratumError('REPO_NOT_FOUND', 'no repository a/b', { kind: 'repository', id: 'a/b' }, { hint: 'push to it' }),
  new StratumError('INSUFFICIENT_REPLICAS', '1 of 2', {
    required: 2,
    achieved: 1,
    nodes: [{ nodeId: 'o1', endpoint: 'o1:1', attempt: 2, error: unreachable }],
  }),
  new StratumError('NO_QUORUM', 'alone', { what: 'consensus', sinceMs: 1500, have: 1, need: 2 }),
  new StratumError('CHECKSUM_MISMATCH', 'rot', { oid: 'ab', nodeId: 'o1', expected: 'ab', got: 'cd' }),
  new StratumError('RATE_LIMITED', 'slow down', { retryAfterMs: 200 }),
  new StratumError('DEADLINE_EXCEEDED', 'late', { endpoint: 'm1:1', method: 'UpdateRefs', attempt: 1, timeoutMs: 50 }),
  new StratumError('DISK_FULL', 'full', { what: 'free disk', limit: 100n, actual: 5n }),
  new StratumError('UNIMPLEMENTED', 'not yet'),
];

describe('an error that crosses the wire', () => {
  it.each(samples.map((error) => [error.code, error] as const))(
    '%s keeps code, message, hint and details',
    (_c, error) => {
      const received = overTheWire(error);
      expect(received.code).toBe(error.code);
      expect(received.message).toBe(error.message);
      expect(received.hint).toBe(error.hint);
      if (error.code !== 'INSUFFICIENT_REPLICAS') expect(received.details).toEqual(error.details);
    },
  );

  it('keeps every node’s error of INSUFFICIENT_REPLICAS with its own details', () => {
    const received = overTheWire(samples.find((error) => error.code === 'INSUFFICIENT_REPLICAS'));
    expect(received.details).toMatchObject({
      required: 2,
      achieved: 1,
      nodes: [{ nodeId: 'o1', attempt: 2, error: { code: 'UNREACHABLE', details: { endpoint: 'o1:1', attempt: 2 } } }],
    });
  });

  it('keeps the chain of causes', () => {
    const error = new StratumError('SHUTTING_DOWN', 'outer', undefined, { cause: unreachable });
    expect(overTheWire(error).cause).toMatchObject({ code: 'UNREACHABLE', message: 'connection refused' });
  });

  it('turns what is not a StratumError into INTERNAL', () => {
    expect(overTheWire(new TypeError('x is undefined'))).toMatchObject({ code: 'INTERNAL', message: 'x is undefined' });
  });
});

describe('an error of the transport', () => {
  it.each([
    [status.UNAVAILABLE, 'UNREACHABLE'],
    [status.DEADLINE_EXCEEDED, 'DEADLINE_EXCEEDED'],
    [status.CANCELLED, 'CANCELLED'],
    [status.UNIMPLEMENTED, 'UNIMPLEMENTED'],
    [status.RESOURCE_EXHAUSTED, 'TOO_LARGE'],
    [status.INTERNAL, 'INTERNAL'],
  ])('status %i becomes %s and names the endpoint', (code, expected) => {
    const metadata = new Metadata();
    const error = fromRpcError(Object.assign(new Error('raw'), { code, details: 'raw', metadata }), origin);
    expect(error.code).toBe(expected);
    expect(error.message).toContain(origin.endpoint);
  });

  it('says why there is no connection in the system’s words, without the library’s', () => {
    const details = 'No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ';
    const metadata = new Metadata();
    const raw = Object.assign(new Error(details), { code: status.UNAVAILABLE, details, metadata });
    expect(fromRpcError(raw, origin).message).toBe('Test at 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1');
  });

  it('survives a trailer that is not ours', () => {
    const metadata = new Metadata();
    metadata.set(statusDetailsTrailer, Buffer.from([0xff, 0xff, 0xff]));
    const raw = Object.assign(new Error('raw'), { code: status.UNAVAILABLE, details: 'raw', metadata });
    expect(fromRpcError(raw, origin).code).toBe('UNREACHABLE');
  });
});
