import { systemClock } from '../../../../src/base/clock.ts';
import { asStratumError, StratumError } from '../../../../src/base/errors.ts';
import { systemRandom } from '../../../../src/base/random.ts';
import { MetadataNode } from '../../../../src/node/metadata/metadata-node.ts';
import { CreateRepoRequest, GetRefsRequest, UpdateRefsRequest } from '../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { recordingLog } from '../../base/recording-log.ts';
import { loneNode } from './lone-node.ts';
import { heldTopology, metadataCluster } from './sample-topology.ts';

/** What became of the pushes. */
export interface RefusalReport {
  /** Pushes of 500 refs that were accepted. */
  readonly accepted: number;
  /** Codes of the push after those, and of a small one after that; "ok" when it was accepted. */
  readonly refusal: string;
  readonly small: string;
  /** What is read then. */
  readonly refCount: number;
}

// Pushes 500 refs at a time until the disk takes no more; then a small push, and a read.
const [path = ''] = process.argv.slice(2);
const topology = heldTopology(metadataCluster({ m1: '127.0.0.1:7501' }));
const deadline = new AbortController();
const log = recordingLog();
// The disk is tried again for ever: a push ends when its caller has waited long enough.
const error: typeof log.error = () => deadline.abort(new StratumError('CANCELLED', 'the caller has gone'));
const modules = { ...loneNode, topology, clock: systemClock, random: systemRandom, log: { ...log, error } };
const node = new MetadataNode({ nodeId: 'm1', generationId: 1n, path }, modules);
const call = { signal: new AbortController().signal, peer: 'in-process' };
const name = 'team/app';

async function push(repoId: string, refs: readonly string[], signal: AbortSignal): Promise<string> {
  const commands = refs.map((ref) => ({ name: ref, oldId: '0'.repeat(40), newId: '1'.repeat(40), newPeeledId: '' }));
  const request = UpdateRefsRequest.create({ repo: name, repoId, commands, pushId: systemRandom.bytes(16) });
  try {
    await node.handlers.updateRefs(request, { ...call, signal });
    return 'ok';
  } catch (failure) {
    return asStratumError(failure).code;
  }
}

async function main(): Promise<void> {
  await node.start();
  const { repo } = await node.handlers.createRepo(CreateRepoRequest.create({ name, objectFormat: 1 }), call);
  const repoId = repo?.id ?? '';
  let accepted = 0;
  let refusal = 'ok';
  while (refusal === 'ok' && accepted < 100) {
    refusal = await push(
      repoId,
      Array.from({ length: 500 }, (_, at) => `refs/heads/${accepted}/${at}`),
      deadline.signal,
    );
    if (refusal === 'ok') accepted += 1;
  }
  const small = await push(repoId, ['refs/heads/small'], call.signal);
  const { refs } = await node.handlers.getRefs(GetRefsRequest.create({ repo: name }), call);
  const report: RefusalReport = { accepted, refusal, small, refCount: refs.length };
  // As if it were killed: what the disk does not take, no stop can bring there.
  process.stdout.write(JSON.stringify(report), () => process.exit(0));
}

void main();
