import { systemClock } from '../../../../src/base/clock.ts';
import { asStratumError } from '../../../../src/base/errors.ts';
import { systemRandom } from '../../../../src/base/random.ts';
import { MetadataNode } from '../../../../src/node/metadata/metadata-node.ts';
import { UpdateRefsRequest } from '../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { recordingLog } from '../../base/recording-log.ts';
import { heldTopology, metadataCluster } from './sample-topology.ts';

/** What became of the pushes. */
export interface RefusalReport {
  /** Pushes of 500 refs that were accepted. */
  readonly accepted: number;
  /** Codes of the push after those, and of a small one after that; "ok" when it was accepted. */
  readonly refusal: string;
  readonly small: string;
  readonly refCount: number;
}

// Pushes 500 refs at a time until one push is refused because the disk takes no more; then a small one.
const [path = ''] = process.argv.slice(2);
const topology = heldTopology(metadataCluster({ m1: '127.0.0.1:7501' }));
const modules = { topology, clock: systemClock, random: systemRandom, log: recordingLog() };
const node = new MetadataNode({ nodeId: 'm1', path }, modules);
const call = { signal: new AbortController().signal, peer: 'in-process' };
const name = 'team/app';

async function push(repoId: string, refs: readonly string[]): Promise<string> {
  const commands = refs.map((ref) => ({ name: ref, oldId: '0'.repeat(40), newId: '1'.repeat(40), newPeeledId: '' }));
  const request = UpdateRefsRequest.create({ repo: name, repoId, commands, pushId: systemRandom.bytes(16) });
  try {
    await node.handlers.updateRefs(request, call);
    return 'ok';
  } catch (error) {
    return asStratumError(error).code;
  }
}

async function main(): Promise<void> {
  await node.start();
  const { repo } = await node.handlers.createRepo({ name, objectFormat: 1, head: '' }, call);
  const repoId = repo?.id ?? '';
  let accepted = 0;
  let refusal = 'ok';
  while (refusal === 'ok' && accepted < 100) {
    refusal = await push(
      repoId,
      Array.from({ length: 500 }, (_, at) => `refs/heads/${accepted}/${at}`),
    );
    if (refusal === 'ok') accepted += 1;
  }
  const small = await push(repoId, ['refs/heads/small']);
  const { refs } = await node.handlers.getRefs({ repo: name, ifRepoId: '', ifGenerationNot: 0n }, call);
  await node.stop();
  const report: RefusalReport = { accepted, refusal, small, refCount: refs.length };
  process.stdout.write(JSON.stringify(report));
}

void main();
