import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { surveyCoordinators } from '../../../src/cli/survey-coordinators.ts';
import type { CoordinatorAnswer } from '../../../src/client/coordinator-client.ts';
import type { Topology } from '../../../src/topology/topology.ts';
import { sampleReport } from './fake-cluster.ts';
import { sampleNode, sampleTopology } from './sample-topology.ts';

const coordinators = [1, 2, 3].map((number) => sampleNode(`coordinator-${number}`, 'coordinator'));
const topology = sampleTopology({}, { nodes: new Map(coordinators.map((node) => [node.id, node])) });
const at = (number: number) => `coordinator-${number}.test:7480`;

function answerOf(number: number, version = 14n): CoordinatorAnswer {
  const { leaderId, members, ...report } = sampleReport(number, { version });
  return {
    leader: { ...report, leaderId: leaderId ?? '', leaderAddress: at(1) },
    consensus: { ...report, members: [...members], alarms: [], ageMs: 0n },
    error: undefined,
  };
}

const failed = (error: StratumError): CoordinatorAnswer => ({ leader: undefined, consensus: undefined, error });
const refused = failed(new StratumError('UNREACHABLE', 'refused', { endpoint: 'x:1' }));
const unready = failed(new StratumError('NOT_READY', 'no topology yet', { what: 'topology' }));

/** Surveys where the addresses answer so; whoever is not named refuses. */
async function survey(
  configured: readonly string[],
  answers: Readonly<Record<string, CoordinatorAnswer>>,
  options: { known?: Topology; topologies?: Readonly<Record<string, Topology>> } = {},
) {
  const asked: string[] = [];
  const { known, topologies = { [at(1)]: topology, [at(2)]: topology, 'tunnel:1': topology } } = options;
  const found = await surveyCoordinators(
    { configured, known },
    {
      ask: async (address) => {
        asked.push(address);
        return answers[address] ?? refused;
      },
      topologyAt: async (address) => topologies[address],
    },
  );
  return { ...found, asked, ids: found.reports.map(({ nodeId }) => nodeId) };
}

const all = { [at(1)]: answerOf(1), [at(2)]: answerOf(2), [at(3)]: answerOf(3) };

describe('a survey of the coordinators', () => {
  it('finds all of them from any one, and asks each once', async () => {
    const found = await survey([at(2)], all);
    expect(found.ids).toEqual(['coordinator-1', 'coordinator-2', 'coordinator-3']);
    expect(found.asked.toSorted()).toEqual([at(1), at(2), at(3)]);
    expect(found).toMatchObject({ silent: [], topology });
  });

  it('lists who does not answer, with the reason', async () => {
    const found = await survey([at(1)], { ...all, [at(3)]: refused });
    expect(found.ids).toEqual(['coordinator-1', 'coordinator-2']);
    expect(found.silent).toEqual([{ node: 'coordinator-3', reason: 'refused', answers: false }]);
  });

  it('asks the known coordinators without reading the topology again', async () => {
    const found = await survey(['elsewhere:1'], all, { known: topology, topologies: {} });
    expect(found.ids).toHaveLength(3);
    expect(found.asked).not.toContain('elsewhere:1');
  });

  it('takes the topology of the coordinator that has seen most', async () => {
    const older = { ...topology, version: 3n };
    const options = { topologies: { [at(1)]: older, [at(2)]: topology } };
    const found = await survey([at(1), at(2)], { ...all, [at(1)]: answerOf(1, 3n) }, options);
    expect(found.topology?.version).toBe(14n);
  });

  it('counts a coordinator once that is found under two addresses', async () => {
    const found = await survey(['tunnel:1'], { 'tunnel:1': answerOf(1), [at(2)]: answerOf(2), [at(3)]: answerOf(3) });
    expect(found.ids).toEqual(['coordinator-1', 'coordinator-2', 'coordinator-3']);
    expect(found.silent).toEqual([]);
  });

  it('goes by the configured addresses when nobody has a topology, and tells an answer from silence', async () => {
    const found = await survey(['a:1', 'b:1'], { 'a:1': unready });
    expect(found).toMatchObject({ reports: [], topology: undefined });
    expect(found.silent).toEqual([
      { node: 'a:1', reason: 'no topology yet', answers: true },
      { node: 'b:1', reason: 'refused', answers: false },
    ]);
  });

  it('says when another coordinator answers at an address', async () => {
    const found = await survey([at(1)], { ...all, [at(3)]: answerOf(2) });
    expect(found.silent).toEqual([
      { node: 'coordinator-3', reason: 'coordinator-2 answers at its address', answers: false },
    ]);
  });
});
