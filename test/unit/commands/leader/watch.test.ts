import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { StratumError } from '../../../../src/base/errors.ts';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';

/** Watches; the leaders are told one a look, and the user ends it after the last. Undefined is none, an error nobody. */
async function watch(leaders: readonly (string | undefined | StratumError)[], argv: string[] = [], terminal = false) {
  const cluster = new FakeCluster();
  const end = new AbortController();
  const waiting = [...leaders];
  const leader = cluster.leader.bind(cluster);
  cluster.leader = async () => {
    if (waiting.length === 0) end.abort(new StratumError('CANCELLED', 'interrupted'));
    end.signal.throwIfAborted();
    const next = waiting.shift();
    if (next instanceof StratumError) throw next;
    cluster.leaderId = next;
    cluster.topology = { ...cluster.topology, term: cluster.topology.term + 1n };
    return leader();
  };
  const clock = { ...systemClock, nowMs: () => 1_700_000_000_000, sleep: () => Promise.resolve() };
  return runCommand(['leader', 'watch', ...argv], {
    connect: cluster.connect,
    interrupted: end.signal,
    terminal,
    clock,
  });
}

const refused = new StratumError('UNREACHABLE', 'refused', { endpoint: 'c:1' });

describe('stratum leader watch', () => {
  it('prints one JSON object a line off a terminal, the present leader first, until it is interrupted', async () => {
    const { exitCode, stdout } = await watch(['a', undefined, refused, 'b']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { type: 'SNAPSHOT', version: '14', kind: 'Leader', object: { scope: 'coordinator', leaderId: 'a', term: '4' } },
      { type: 'MODIFIED', version: '14', object: { leaderId: '', detail: expect.stringContaining('no coordinator') } },
      { type: 'ERROR', version: '14', code: 'UNREACHABLE', message: 'refused' },
      { type: 'MODIFIED', object: { leaderId: 'b', term: '6' } },
    ]);
    // The test's signal is a SIGTERM's; Ctrl-C has 130 the same way.
    expect(exitCode).toBe(143);
  });

  it('prints plain lines on a terminal', async () => {
    expect((await watch(['a', undefined, refused], [], true)).stdout).toBe(
      [
        '2023-11-14T22:13:20.000Z  a  term 4  127.0.0.1:7480\n',
        '2023-11-14T22:13:20.000Z  no leader: no coordinator leads: coordinator-1 knows of none\n',
        '2023-11-14T22:13:20.000Z  nobody answers: refused\n',
      ].join(''),
    );
    expect((await watch(['a'], ['-o', 'jsonl'], true)).stdout).toMatch(/^\{"type":"SNAPSHOT"/);
  });

  it('ends with 7 when nobody answers', async () => {
    expect(await watch([refused])).toMatchObject({ exitCode: 7, stdout: '', stderr: 'stratum: refused\n' });
  });

  it('refuses a scope that there is not', async () => {
    expect(await watch(['a'], ['--scope', 'x'])).toMatchObject({ exitCode: 2, stdout: '' });
  });

  it('ends with 3 for a partition that there is not', async () => {
    expect(await watch(['a'], ['--scope', 'partition:99'])).toMatchObject({ exitCode: 3, stdout: '' });
  });
});
