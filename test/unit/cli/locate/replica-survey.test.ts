import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { type Oid, oidOf } from '../../../../src/base/oid.ts';
import type { Replica } from '../../../../src/cli/locate/replica.ts';
import { ReplicaSurvey } from '../../../../src/cli/locate/replica-survey.ts';
import { SilentNodes } from '../../../../src/cli/silent-nodes.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { FakeNode } from '../fake-cluster.ts';

const signal = new AbortController().signal;

function replica(nodeId: string, address = `${nodeId}.test:7480`): Replica {
  return { nodeId, address, state: 'ACTIVE', presence: '', size: 0, storedAt: '', error: '' };
}

function sample(verify: boolean, node = new FakeNode('object-1')) {
  const clock = manualClock();
  const cluster = { reader: async () => node, silentNodes: new SilentNodes({ clock }) };
  const survey = new ReplicaSurvey({ verify, timeoutMs: 1_000, signal }, { cluster, clock });
  return { survey, node, clock, silentNodes: cluster.silentNodes };
}

const oids = (count: number): Oid[] => Array.from({ length: count }, (_, index) => oidOf(Buffer.from(`${index}`)));
const asked = (ids: readonly Oid[], ...replicas: Replica[]) => ids.map((oid) => ({ oid, replicas }));

describe('a survey of replicas', () => {
  it('asks for ten thousand in a question, and answers in order', async () => {
    const { survey, node } = sample(false);
    const ids = oids(25_000);
    for (const oid of ids.filter((_, index) => index % 2 === 0)) node.blobs.set(oid, Buffer.from('x'));
    const found = await survey.ask(asked(ids, replica('object-1')));
    expect(found.map(([one]) => one?.presence === 'present')).toEqual(ids.map((_, index) => index % 2 === 0));
    expect(node.questions).toEqual([10_000, 10_000, 5_000]);
  });

  it('begins with few where copies are hashed, and asks for more as long as the answers are quick', async () => {
    const { survey, node } = sample(true);
    await survey.ask(asked(oids(1_000), replica('object-1')));
    expect(node.questions).toEqual([64, 128, 256, 512, 40]);
  });

  it('asks a node that takes too long to hash for fewer, and takes no slow node for a silent one', async () => {
    const node = new FakeNode('object-1');
    const has = node.has.bind(node);
    node.has = (ids, verify) => {
      const answer = has(ids, verify);
      if (ids.length <= 10) return answer;
      return answer.then(() => {
        throw new StratumError('DEADLINE_EXCEEDED', 'too many', { endpoint: 'object-1' });
      });
    };
    const found = await sample(true, node).survey.ask(asked(oids(20), replica('object-1')));
    expect(found.every(([one]) => one?.presence === 'missing')).toBe(true);
    expect(node.questions[0]).toBe(20);
  });

  it('asks a node that cannot say anything only once more, and for nothing that takes its time', async () => {
    const node = new FakeNode('object-1');
    node.has = async (ids, verify) => {
      node.questions.push(ids.length);
      throw new StratumError('DEADLINE_EXCEEDED', verify ? 'hashing' : 'silent', { endpoint: 'object-1' });
    };
    const { survey, silentNodes } = sample(true, node);
    const [found] = await survey.ask(asked(oids(1_000), replica('object-1')));
    expect(found?.[0]).toMatchObject({ presence: 'unreachable', error: 'DEADLINE_EXCEEDED: hashing' });
    expect(node.questions).toEqual([64, 1]);
    expect(silentNodes.errorOf('object-1')).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('asks no node that was silent to another part of the command', async () => {
    const { survey, node, silentNodes } = sample(false);
    silentNodes.note('object-1', new StratumError('DEADLINE_EXCEEDED', 'no listing', { endpoint: 'object-1' }));
    const [found] = await survey.ask(asked(oids(1), replica('object-1')));
    expect(found?.[0]).toMatchObject({ presence: 'unreachable', error: 'DEADLINE_EXCEEDED: no listing' });
    expect(node.questions).toEqual([]);
  });

  it('waits once for a node that does not answer, and asks it again after half a minute', async () => {
    const { survey, node, clock } = sample(false);
    node.unreachable = true;
    const [first] = await survey.ask(asked(oids(1), replica('object-1')));
    expect(first?.[0]).toMatchObject({ presence: 'unreachable', error: expect.stringContaining('UNREACHABLE') });
    node.unreachable = false;
    expect((await survey.ask(asked(oids(2), replica('object-1'))))[1]?.[0]?.presence).toBe('unreachable');
    expect(node.questions).toEqual([1]);
    clock.advance(30_000);
    expect((await survey.ask(asked(oids(2), replica('object-1'))))[1]?.[0]?.presence).toBe('missing');
  });

  it('asks no node that is not registered', async () => {
    const { survey, node } = sample(false);
    const [found] = await survey.ask(asked(oids(1), replica('object-1', '')));
    expect(found?.[0]).toMatchObject({ presence: 'unreachable', error: 'the node is not registered' });
    expect(node.questions).toEqual([]);
  });

  it('rejects when it is interrupted', async () => {
    const node = new FakeNode('object-1');
    node.unreachable = true;
    const clock = manualClock();
    const aborted = AbortSignal.abort(new StratumError('CANCELLED', 'interrupted'));
    const survey = new ReplicaSurvey(
      { verify: false, timeoutMs: 1_000, signal: aborted },
      { cluster: { reader: async () => node, silentNodes: new SilentNodes({ clock }) }, clock },
    );
    await expect(survey.ask(asked(oids(1), replica('object-1')))).rejects.toThrow('interrupted');
  });
});
