import { systemClock } from '../../../../src/base/clock.ts';
import { systemRandom } from '../../../../src/base/random.ts';
import { MetadataNode } from '../../../../src/node/metadata/metadata-node.ts';
import { CreateRepoRequest, UpdateRefsRequest } from '../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { recordingLog } from '../../base/recording-log.ts';
import { loneNode } from './lone-node.ts';
import { heldTopology, metadataCluster } from './sample-topology.ts';

/** The message for a push that was acknowledged. */
export interface Acknowledged {
  readonly name: string;
  readonly number: number;
}

// Many pushes at once to one repository of its own each, and a message for each that was acknowledged.
const [path = '', pushersText = '8'] = process.argv.slice(2);
const topology = heldTopology(metadataCluster({ m1: '127.0.0.1:7501' }));
const modules = { ...loneNode, topology, clock: systemClock, random: systemRandom, log: recordingLog() };
const node = new MetadataNode({ nodeId: 'm1', generationId: 1n, path }, modules);
const call = { signal: new AbortController().signal, peer: 'in-process' };

async function pushForEver(pusher: number): Promise<void> {
  const name = `team/app-${pusher}`;
  const { repo } = await node.handlers.createRepo(CreateRepoRequest.create({ name, objectFormat: 1 }), call);
  const idOf = (number: number) => number.toString(16).padStart(40, '0');
  for (let number = 1; ; number += 1) {
    const commands = ['a', 'b', 'c'].map((branch) => ({
      name: `refs/heads/${branch}`,
      oldId: idOf(number - 1),
      newId: idOf(number),
      newPeeledId: '',
    }));
    const pushId = systemRandom.bytes(16);
    const request = UpdateRefsRequest.create({ repo: name, repoId: repo?.id ?? '', commands, atomic: true, pushId });
    const { results } = await node.handlers.updateRefs(request, call);
    if (results.every(({ updated }) => updated)) process.send?.({ name, number } satisfies Acknowledged);
  }
}

async function main(): Promise<void> {
  await node.start();
  await Promise.all(Array.from({ length: Number(pushersText) }, (_, pusher) => pushForEver(pusher)));
}

void main();
