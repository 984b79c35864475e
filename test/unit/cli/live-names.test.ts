import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import type { ConnectOptions } from '../../../src/cli/connection.ts';
import { runCommand } from './run-command.ts';
import { partitionCluster, samplePartition } from './sample-partitions.ts';
import { refCluster } from './sample-refs.ts';

const values = (stdout: string) => stdout.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')[0]]));

describe('completion with names that a cluster knows', () => {
  it.each([
    [['partition', 'show', ''], '0\tmetadata-1\n1\tmetadata-3\n'],
    [['leader', 'watch', '--scope', 'partition:1'], 'partition:1\tmetadata-3\n'],
    [['node', 'show', 'obj'], 'object-1\tobject, ACTIVE\n'],
  ])('offers for %j its nodes and partitions', async (words, stdout) => {
    const cluster = partitionCluster([samplePartition(0, [1]), samplePartition(1, [3])]);
    expect(await runCommand(['complete', '--', ...words], cluster)).toMatchObject({ exitCode: 0, stdout });
    expect(cluster.closed).toBe(1);
  });

  it.each([
    [['repo', 'show', 'te'], ['team/app']],
    [
      ['ref', 'show', 'team/app', 'refs/heads/'],
      ['refs/heads/main', 'refs/heads/release/1#2'],
    ],
    [['ref', 'show', 'team/app', 'rel'], ['release/1#2']],
    [['ref', 'show', 'no/such', ''], []],
  ])('offers for %j its repositories and refs', async (words, expected) => {
    const { exitCode, stdout } = await runCommand(['complete', '--', ...words], refCluster());
    expect({ exitCode, values: values(stdout) }).toEqual({ exitCode: 0, values: expected });
  });

  it('asks the cluster of the line', async () => {
    const asked: (readonly string[])[] = [];
    const cluster = refCluster();
    const connect = ({ coordinators }: ConnectOptions) => {
      asked.push(coordinators);
      return cluster.connect({ coordinators, timeoutMs: 1, signal: new AbortController().signal });
    };
    await runCommand(['complete', '--', 'node', 'show', '--coordinator', 'a:1', '--coordinator=b:2', ''], { connect });
    expect(asked).toEqual([['a:1', 'b:2']]);
  });

  it('offers nothing, and says nothing, when the cluster does not answer', async () => {
    const cluster = refCluster();
    cluster.error = new StratumError('UNREACHABLE', 'nobody is there', { endpoint: 'a:1' });
    const result = await runCommand(['complete', '--', 'repo', 'show', ''], cluster);
    expect(result).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
  });
});
