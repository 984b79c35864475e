import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { systemRandom } from '../../../../src/base/random.ts';
import type { MetadataHandlers, MetadataMethodName } from '../../../../src/client/metadata-handlers.ts';
import { MetadataNode, type MetadataNodeOptions } from '../../../../src/node/metadata/metadata-node.ts';
import {
  CreateRepoRequest,
  DeleteRepoRequest,
  GetRefsRequest,
  GetRepoLogRequest,
  GetRepoRequest,
  ListReposRequest,
  PackRef,
  RefCommand,
  ReplacePacksRequest,
  type Repo,
  SetHeadRequest,
  UpdateRefsRequest,
} from '../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { inProcessPeer } from '../../../../src/rpc/handlers.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { recordingLog } from '../../base/recording-log.ts';
import { type HeldTopology, heldTopology, metadataCluster } from './sample-topology.ts';

/** A folder that goes when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'stratum-metadata-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Methods that are called as in a process: with what a request leaves out filled in. */
export type Calls = {
  readonly [Name in MetadataMethodName]: (
    request: Partial<Parameters<MetadataHandlers[Name]>[0]>,
    signal?: AbortSignal,
  ) => ReturnType<MetadataHandlers[Name]>;
};

export function callsOf(handlers: MetadataHandlers): Calls {
  const within = (signal = new AbortController().signal) => ({ signal, peer: inProcessPeer });
  return {
    createRepo: (request, signal) => handlers.createRepo(CreateRepoRequest.create(request), within(signal)),
    deleteRepo: (request, signal) => handlers.deleteRepo(DeleteRepoRequest.create(request), within(signal)),
    listRepos: (request, signal) => handlers.listRepos(ListReposRequest.create(request), within(signal)),
    getRepo: (request, signal) => handlers.getRepo(GetRepoRequest.create(request), within(signal)),
    getRefs: (request, signal) => handlers.getRefs(GetRefsRequest.create(request), within(signal)),
    updateRefs: (request, signal) =>
      handlers.updateRefs(UpdateRefsRequest.create({ pushId: randomBytes(16), ...request }), within(signal)),
    replacePacks: (request, signal) => handlers.replacePacks(ReplacePacksRequest.create(request), within(signal)),
    setHead: (request, signal) => handlers.setHead(SetHeadRequest.create(request), within(signal)),
    getRepoLog: (request, signal) => handlers.getRepoLog(GetRepoLogRequest.create(request), within(signal)),
  };
}

/** A started metadata node "m1" that is the primary of everything, with a clock that a test moves. */
export async function sampleMetadata(options: Partial<MetadataNodeOptions> & { topology?: HeldTopology } = {}) {
  const clock = manualClock(1_700_000_000_000);
  const log = recordingLog();
  const { topology = heldTopology(metadataCluster({ m1: '127.0.0.1:7501' })), ...values } = options;
  const path = options.path ?? (await temporaryFolder());
  const node = new MetadataNode({ nodeId: 'm1', ...values, path }, { topology, clock, random: systemRandom, log });
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

export const zero = '0'.repeat(40);

/** A SHA-1 object id that a short text stands for. */
export function id(text: string | number): string {
  return Buffer.from(String(text)).toString('hex').padEnd(40, '0').slice(0, 40);
}

/** A command from short texts; an empty one is "no object". */
export function command(name: string, oldText: string, newText: string): RefCommand {
  const value = (text: string) => (text === '' ? zero : id(text));
  return RefCommand.create({ name, oldId: value(oldText), newId: value(newText) });
}

/** A pack whose blobs follow from its number. */
export function pack(number: number, changes: Partial<PackRef> = {}): PackRef {
  return PackRef.create({
    name: number.toString(16).padStart(40, '0'),
    packOid: Buffer.alloc(32, number),
    packSize: 1_000n,
    indexOid: Buffer.alloc(32, number + 1),
    indexSize: 100n,
    objectCount: 3n,
    ...changes,
  });
}
