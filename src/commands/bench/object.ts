import * as Flags from '@oclif/core/flags';
import { StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import { formatBytes, MiB } from '../../base/units.ts';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { exitCodeOf } from '../../cli/error-report.ts';
import type { BenchPhase, ObjectBenchOptions } from '../../cli/object-bench.ts';
import { consistencyLevels, parseLevel } from '../../cli/parse-level.ts';
import { parseSize } from '../../cli/parse-size.ts';
import { startProgress } from '../../cli/progress.ts';
import { smallBlobBytesMax } from '../../rpc/limits.ts';

/** Each caller holds a call's blobs in memory. */
const inFlightBytesMax = 512 * MiB;

/** `stratum bench object` */
export default class BenchObject extends ClusterCommand {
  static override id = 'bench:object';
  static override summary = 'Measure how fast this cluster stores blobs and gives them back';
  static override description =
    `Stores fresh blobs from this machine, reads them back and checks them, and deletes them again.
It is load like any other: on a cluster at work, begin with a small --count. Exit code: 0 all calls went well, 10 some failed, 1 nothing could be stored.`;
  static override examples = [
    'stratum bench object',
    'stratum bench object --size 4KiB --count 100000 --batch 64 --callers 16',
    'stratum bench object --size 64MiB --count 16 --batch 1 --callers 2 -o json',
  ];
  static override flags = {
    size: Flags.string({ description: 'Bytes of each blob.', helpValue: '<size>', default: '4KiB' }),
    count: Flags.integer({
      description: 'How many blobs.',
      helpValue: '<count>',
      min: 1,
      max: 1_000_000,
      default: 2_000,
    }),
    batch: Flags.integer({
      description: 'Blobs in one call; 1 is a call for each, and the only choice above 64 KiB.',
      helpValue: '<count>',
      min: 1,
      max: 1_024,
      default: 1,
    }),
    callers: Flags.integer({ description: 'Calls at once.', helpValue: '<count>', min: 1, max: 1_024, default: 16 }),
    level: Flags.string({
      description: 'How many replicas must have a blob on disk.',
      options: consistencyLevels,
      default: 'quorum',
    }),
    keep: Flags.boolean({ description: 'Leave the blobs where they are.' }),
    'dry-run': Flags.boolean({ description: 'Say what would be stored, and store nothing.' }),
  };

  override async run(): Promise<number> {
    const { flags } = await this.parse(BenchObject);
    const blobBytes = parseSize(flags.size, '--size');
    refuseTooMuch({ blobBytes, perCall: flags.batch, callers: flags.callers });
    const options: ObjectBenchOptions = {
      count: flags.count,
      blobBytes,
      perCall: flags.batch,
      callers: flags.callers,
      level: parseLevel(flags.level),
      timeoutMs: (await this.settings(flags)).timeoutMs.value,
      signal: this.io.interrupted,
    };
    const { phases, source } = await this.withCluster(flags, async (cluster) => {
      const announced = await this.announceChange(flags, cluster);
      if (flags['dry-run']) {
        await this.say(`would store ${options.count} blobs of ${formatBytes(blobBytes)}`);
        return { phases: [], source: announced };
      }
      const { BenchBlobs, benchDelete, benchGet, benchPut } = await import('../../cli/object-bench.ts');
      const { clock, random } = this.modules;
      const modules = { objects: await cluster.objects(), clock, random };
      const blobs = new BenchBlobs({ blobBytes }, { random });
      const progress = await startProgress('storing', this.io);
      const done: BenchPhase[] = [];
      try {
        done.push(await benchPut(blobs, options, modules));
        progress.update('reading');
        done.push(await benchGet(blobs.oids, options, modules));
      } finally {
        if (!flags.keep) {
          progress.update('deleting');
          // Also after an interrupt: what was stored for nothing must not stay.
          const deleting = { ...options, count: blobs.oids.length, signal: new AbortController().signal };
          const remove = (oids: readonly Oid[]) => cluster.deleteBlobs(oids);
          done.push(await benchDelete(blobs.oids, deleting, { clock, remove }));
        }
        progress.end();
      }
      return { phases: done, source: announced };
    });
    await this.print({
      kind: 'ObjectBench',
      source,
      items: phases,
      rows: phases,
      columns: [
        { header: 'phase', value: ({ phase }) => phase },
        { header: 'blobs', value: ({ blobs }) => blobs, right: true },
        { header: 'failed', value: ({ failed }) => failed, right: true },
        { header: 'blobs/s', value: ({ blobsPerSecond }) => blobsPerSecond, right: true },
        { header: 'bytes/s', value: ({ bytesPerSecond }) => formatBytes(bytesPerSecond), right: true },
        { header: 'p50 ms', value: ({ latencyP50Ms }) => latencyP50Ms.toFixed(1), right: true },
        { header: 'p99 ms', value: ({ latencyP99Ms }) => latencyP99Ms.toFixed(1), right: true },
        { header: 'max ms', value: ({ latencyMaxMs }) => latencyMaxMs.toFixed(1), right: true },
      ],
      name: ({ phase }) => `phase/${phase}`,
    });
    for (const { phase, failed, error } of phases) {
      if (failed > 0) await this.say(`warning: ${failed} blobs failed in the ${phase} phase, the first with: ${error}`);
    }
    if (phases[0]?.blobs === 0) return 1;
    return phases.some(({ failed }) => failed > 0) ? exitCodeOf(new StratumError('PARTIAL', 'some blobs failed')) : 0;
  }
}

function refuseTooMuch(asked: Pick<ObjectBenchOptions, 'blobBytes' | 'perCall' | 'callers'>): void {
  const { blobBytes, perCall, callers } = asked;
  if (perCall > 1 && blobBytes > smallBlobBytesMax) {
    throw invalid(
      '--batch',
      `${perCall} blobs of ${formatBytes(blobBytes)} in a call`,
      `1 above ${formatBytes(smallBlobBytesMax)}`,
    );
  }
  const inFlightBytes = blobBytes * perCall * callers;
  if (inFlightBytes > inFlightBytesMax) {
    throw invalid(
      '--size',
      `${formatBytes(inFlightBytes)} in flight`,
      `at most ${formatBytes(inFlightBytesMax)} of size x batch x callers`,
    );
  }
}

function invalid(field: string, reason: string, expected: string): StratumError<'INVALID_ARGUMENT'> {
  return new StratumError('INVALID_ARGUMENT', `${field}: ${reason}, expected ${expected}`, { field, reason, expected });
}
