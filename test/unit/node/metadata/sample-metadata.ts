import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { systemRandom } from '../../../../src/base/random.ts';
import { MetadataNode, type MetadataNodeOptions } from '../../../../src/node/metadata/metadata-node.ts';
import type { CreateRepoRequest, Repo } from '../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { recordingLog } from '../../base/recording-log.ts';
import { loneNode } from './lone-node.ts';
import { callsOf } from './sample-requests.ts';
import { type HeldTopology, heldTopology, metadataCluster } from './sample-topology.ts';

export { callsOf, command, id, pack } from './sample-requests.ts';

/** A folder that goes when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'stratum-metadata-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A started metadata node "m1" that is the primary of everything and alone, with a clock that a test moves. */
export async function sampleMetadata(options: Partial<MetadataNodeOptions> & { topology?: HeldTopology } = {}) {
  const clock = manualClock(1_700_000_000_000);
  const log = recordingLog();
  const { topology = heldTopology(metadataCluster({ m1: '127.0.0.1:7501' })), ...values } = options;
  const path = options.path ?? (await temporaryFolder());
  // The generation that the sample topology has registered.
  const node = new MetadataNode(
    { nodeId: 'm1', generationId: 1n, ...values, path },
    { ...loneNode, topology, clock, random: systemRandom, log },
  );
  await node.start();
  onTestFinished(() => node.stop());
  const calls = callsOf(node.handlers);
  const newRepo = async (request: Partial<CreateRepoRequest> = {}): Promise<Repo> =>
    (await calls.createRepo({ name: 'team/app', ...request })).repo ?? expectRepo();
  return { node, calls, clock, log, topology, path, newRepo };
}

function expectRepo(): never {
  throw new Error('the answer holds no repository');
}
