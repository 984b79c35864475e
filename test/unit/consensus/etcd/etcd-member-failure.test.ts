import { describe, expect, it } from 'vitest';
import { isAddressTaken, memberFailure } from '../../../../src/consensus/etcd/etcd-member-failure.ts';

const end = (...lines: string[]) =>
  memberFailure({ nodeId: 'c1', how: 'ended with exit code 1', lines, logFile: '/d/etcd.log' });
const line = (msg: string, error?: string) => JSON.stringify({ level: 'fatal', caller: 'x.go:1', msg, error });

describe('the end of an etcd member', () => {
  it.each([
    ['a port in use', 'listen tcp 10.0.0.1:2380: bind: address already in use', /--etcd-peer-listen/],
    ['an address of another machine', 'bind: cannot assign requested address', /--etcd-peer-listen/],
    ['a removal', 'the member has been permanently removed from the cluster', /member add/],
    ['a wiped folder', 'member 5a has already been bootstrapped', /member remove/],
    ['another cluster', 'cluster ID mismatch', /same etcd\.peers/],
    ['other peers than the cluster has', 'member count is unequal', /same etcd\.peers/],
    ['a full disk', 'write /d/wal: no space left on device', /make room/],
    ['a folder of somebody else', 'open /d/member: permission denied', /writable/],
  ])('because of %s is told with what to do', (_what, error, hint) => {
    const failure = end(line('before'), line('discovery failed', error), line('after'));
    expect(failure).toMatchObject({
      code: 'ETCD_FAILED',
      message: `the etcd member c1 ended with exit code 1: discovery failed: ${error}`,
      hint: expect.stringMatching(hint),
    });
    expect(failure.hint).toContain('/d/etcd.log');
  });

  it('for another reason is told with its last words', () => {
    const failure = end('one', 'two', line('three'), '{"no":"message"}', 'flag provided but not defined');
    expect(failure.message).toBe(
      'the etcd member c1 ended with exit code 1: three: {"no":"message"}: flag provided but not defined',
    );
    expect(failure.hint).toBe('its log is /d/etcd.log');
  });

  it('without a word is told all the same', () => {
    expect(end().message).toBe('the etcd member c1 ended with exit code 1');
  });

  it('names the address that was taken', () => {
    const lines = [line('discovery failed', 'listen tcp 127.0.0.1:12379: bind: address already in use')];
    expect(isAddressTaken(lines, '127.0.0.1:12379')).toBe(true);
    expect(isAddressTaken(lines, '127.0.0.1:2379')).toBe(false);
  });
});
