import { describe, expect, it } from 'vitest';
import { partitionState, partitionsExitCode } from '../../../src/cli/partition-state.ts';
import { samplePartition } from './sample-partitions.ts';

describe('the state of a partition', () => {
  const cases: readonly [string, readonly number[], readonly number[], readonly number[], string][] = [
    ['ok while all replicas are in sync', [1, 2, 3], [1, 2, 3], [], 'ok'],
    ['degraded while one catches up', [1, 2], [1, 2, 3], [], 'degraded'],
    ['degraded while one in sync is down', [1, 2, 3], [1, 2, 3], [3], 'degraded'],
    ['no-quorum with one of two in sync down', [1, 2], [1, 2, 3], [2], 'no-quorum'],
    ['no-quorum with two of three in sync down', [1, 2, 3], [1, 2, 3], [1, 2], 'no-quorum'],
    ['ok for a single replica', [1], [1], [], 'ok'],
    ['degraded while one alone is in sync', [1], [1, 2], [], 'degraded'],
    ['no-quorum when the single one is down', [1], [1], [1], 'no-quorum'],
    ['unassigned before it has a primary', [], [], [], 'unassigned'],
  ];
  it.each(cases)('is %s', (_title, inSync, replicas, down, state) => {
    const serves = (nodeId: string) => !down.some((number) => nodeId === `metadata-${number}`);
    expect(partitionState(samplePartition(0, inSync, replicas), serves)).toBe(state);
  });
});

describe('the exit code of partitions', () => {
  it.each([
    [[], 0],
    [['ok'], 0],
    [['ok', 'degraded'], 5],
    [['degraded', 'no-quorum', 'ok'], 6],
    [['unassigned'], 6],
  ] as const)('of %j is %i', (states, code) => {
    expect(partitionsExitCode(states)).toBe(code);
  });
});
