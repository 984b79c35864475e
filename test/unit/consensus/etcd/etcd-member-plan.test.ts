import { describe, expect, it } from 'vitest';
import type { PeerAnswer, PeerMember } from '../../../../src/consensus/etcd/etcd-member-peers.ts';
import {
  isRemoved,
  type MemberPlace,
  memberArguments,
  planJoin,
  refuseOtherCluster,
} from '../../../../src/consensus/etcd/etcd-member-plan.ts';

const peers = { c1: '10.0.0.1:2380', c2: '10.0.0.2:2380', c3: '10.0.0.3:2380' };
const urls = { c1: 'http://10.0.0.1:2380', c2: 'http://10.0.0.2:2380', c3: 'http://10.0.0.3:2380' };
const client = ['http://127.0.0.1:12379'];
const place = (changes: Partial<MemberPlace> = {}): MemberPlace => {
  return { nodeId: 'c3', peers, hasData: false, hasJoinedBefore: false, ...changes };
};
const member = (name: string, url: string, clientUrls: readonly string[] = client): PeerMember => {
  return { name, peerUrls: [url], clientUrls };
};
const answer = (...members: readonly PeerMember[]): PeerAnswer => ({ clusterId: 'a1', members });
const [c1, c2] = [member('c1', urls.c1), member('c2', urls.c2)];
const asConfigured = { state: 'new', initialCluster: `c1=${urls.c1},c2=${urls.c2},c3=${urls.c3}` };

describe('a member', () => {
  const joins: readonly [string, MemberPlace, readonly PeerAnswer[], object][] = [
    ['begins a cluster when nobody is there', place(), [], asConfigured],
    [
      'begins it with those that are forming it already',
      place(),
      [answer(c1, c2, member('c3', urls.c3, []))],
      asConfigured,
    ],
    [
      'enters the cluster that expects it, whatever is configured',
      place(),
      [answer(c1, member('c7', 'http://10.0.0.7:2380'), member('', urls.c3, []))],
      { state: 'existing', initialCluster: `c1=${urls.c1},c7=http://10.0.0.7:2380,c3=${urls.c3}` },
    ],
    [
      'names others that have not started either as the configuration does, or somehow',
      place(),
      [answer(c1, member('', urls.c2, []), member('', urls.c3, []), member('', 'http://10.0.0.9:2380', []))],
      {
        state: 'existing',
        initialCluster: `c1=${urls.c1},c2=${urls.c2},c3=${urls.c3},not-started-3=http://10.0.0.9:2380`,
      },
    ],
    [
      'believes the one that has heard of it already',
      place(),
      [answer(c1, c2), answer(c1, c2, member('', urls.c3, []))],
      { state: 'existing', initialCluster: `c1=${urls.c1},c2=${urls.c2},c3=${urls.c3}` },
    ],
    ['goes on with its data', place({ hasData: true, hasJoinedBefore: true }), [answer(c1, c2)], asConfigured],
  ];
  it.each(joins)('%s', (_what, where, answers, plan) => {
    expect(planJoin(where, answers)).toEqual(plan);
  });

  const refusals: readonly [string, MemberPlace, readonly PeerAnswer[], string, RegExp][] = [
    ['whose folder was wiped', place(), [answer(c1, c2, member('c3', urls.c3))], 'UNSAFE', /member remove c3"/],
    [
      'whose folder was wiped, while one has not heard that it ever started',
      place(),
      [answer(c1, c2, member('', urls.c3, [])), answer(c1, c2, member('c3', urls.c3))],
      'UNSAFE',
      /member add c3=10\.0\.0\.3:2380/,
    ],
    [
      'whose address is another member’s',
      place(),
      [answer(c1, c2, member('old', urls.c3))],
      'UNSAFE',
      /member remove old".*member add c3=/,
    ],
    [
      'whose name is at another address',
      place(),
      [answer(c1, c2, member('c3', 'http://10.0.0.30:2380'))],
      'UNSAFE',
      /member remove c3"/,
    ],
    ['that nobody expects', place(), [answer(c1, c2)], 'ETCD_FAILED', /member add c3=10\.0\.0\.3:2380/],
    [
      'that the forming cluster has at another address',
      place(),
      [answer(c1, c2, member('c3', 'http://10.0.0.30:2380', []))],
      'ETCD_FAILED',
      /member add c3=/,
    ],
    ['without data that was in a cluster', place({ hasJoinedBefore: true }), [], 'UNSAFE', /member remove c3"/],
  ];
  it.each(refusals)('%s is refused', (_what, where, answers, code, hint) => {
    expect(() => planJoin(where, answers)).toThrow(
      expect.objectContaining({ code, hint: expect.stringMatching(hint) }),
    );
  });

  it('with data that the others do not list may have been removed, unless one still lists it', () => {
    const withData = place({ hasData: true });
    expect(isRemoved(withData, [answer(c1, c2)])).toBe(true);
    expect(isRemoved(withData, [answer(c1, c2), answer(c1, c2, member('c3', urls.c3))])).toBe(false);
    expect(isRemoved(withData, [])).toBe(false);
    expect(isRemoved(place(), [answer(c1, c2)])).toBe(false);
  });

  it('of another cluster than the others is refused', () => {
    const own = answer(c1);
    refuseOtherCluster(own, [answer(c2)], '/d');
    refuseOtherCluster(own, [], '/d');
    expect(() => refuseOtherCluster(own, [answer(c2), { clusterId: 'b2', members: [] }], '/d')).toThrow(
      expect.objectContaining({ code: 'ETCD_FAILED', message: expect.stringMatching(/mismatch: \/d is of .*a1.*b2/) }),
    );
  });

  it('tells the others its address, and hears its coordinator alone', () => {
    const listeners = {
      nodeId: 'c3',
      folder: '/d',
      peerAddress: 'c3.example:2380',
      peerListen: '0.0.0.0:2380',
      clientListen: '127.0.0.1:12379',
    };
    const args = memberArguments(listeners, { state: 'existing', initialCluster: 'c3=http://c3.example:2380' });
    expect(args).toEqual(
      expect.arrayContaining([
        '--name=c3',
        '--initial-advertise-peer-urls=http://c3.example:2380',
        '--listen-peer-urls=http://0.0.0.0:2380',
        '--listen-client-urls=http://127.0.0.1:12379',
        '--initial-cluster-state=existing',
        '--pre-vote=true',
        '--enable-v2=false',
      ]),
    );
  });
});
