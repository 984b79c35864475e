import { once } from 'node:events';
import * as Flags from '@oclif/core/flags';
import { StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import { formatBytes, MiB } from '../../base/units.ts';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import type { ClusterConnection } from '../../cli/connection.ts';
import { exitCodeOf } from '../../cli/error-report.ts';
import { UnreachableReplicas } from '../../cli/locate/unreachable-replicas.ts';
import type { BenchPhase, ObjectBenchOptions } from '../../cli/object-bench.ts';
import type { Unreachable } from '../../cli/output/envelope.ts';
import { consistencyLevels, parseLevel } from '../../cli/parse-level.ts';
import { parseSize } from '../../cli/parse-size.ts';
import { startProgress } from '../../cli/progress.ts';
import { SignalSteps } from '../../cli/signal-steps.ts';
import { smallBlobBytesMax } from '../../rpc/limits.ts';

/** Each caller holds a call's blobs in memory. */
const inFlightBytesMax = 512 * MiB;

interface Measured {
  readonly phases: readonly BenchPhase[];
  /** Nodes that may keep blobs. */
  readonly unreachable: readonly Unreachable[];
  /** Of the signal that ended it early. */
  readonly exitCode: number | undefined;
}

/** `stratum bench object` */
export default class BenchObject extends ClusterCommand {
  static override id = 'bench:object';
  static override summary = 'Measure how fast this cluster stores blobs and gives them back';
  static override description =
    `Stores fresh blobs from this machine, reads them back and checks them, and deletes them again.
It is load like any other: on a cluster at work, begin with a small --count. A signal ends it, and what was stored is deleted first; a second one leaves it. Exit code: 0 all calls went well, 10 some failed, 1 nothing could be stored.`;
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
    const { count } = flags;
    const perCall = Math.min(flags.batch, count);
    const callers = Math.min(flags.callers, Math.ceil(count / perCall));
    refuseTooMuch({ blobBytes, perCall, callers });
    const level = parseLevel(flags.level);
    const timeoutMs = (await this.settings(flags)).timeoutMs.value;
    const { phases, source, unreachable, exitCode } = await this.withCluster(flags, async (cluster) => {
      const announced = await this.announceChange(flags, cluster);
      if (flags['dry-run']) {
        await this.say(`would store ${count} blobs of ${formatBytes(blobBytes)}`);
        return { phases: [], source: announced, unreachable: [], exitCode: undefined };
      }
      const measured = await this.#measure(
        { count, blobBytes, perCall, callers, level, timeoutMs },
        flags.keep,
        cluster,
      );
      return { ...measured, source: announced };
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
      unreachable,
    });
    for (const { phase, failed, error } of phases) {
      if (failed > 0) await this.say(`warning: ${failed} blobs failed in the ${phase} phase, the first with: ${error}`);
    }
    if (exitCode !== undefined) return exitCode;
    if (phases[0]?.blobs === 0) return 1;
    return phases.some(({ failed }) => failed > 0) ? exitCodeOf(new StratumError('PARTIAL', 'some blobs failed')) : 0;
  }

  /**
   * Runs the phases. The first signal ends the measurement, and what was stored is deleted before the
   * process ends; a second one gives up the deletion too.
   */
  async #measure(
    options: Omit<ObjectBenchOptions, 'signal'>,
    keep: boolean,
    cluster: ClusterConnection,
  ): Promise<Measured> {
    const { BenchBlobs, benchDelete, benchGet, benchPut } = await import('../../cli/object-bench.ts');
    const { clock, random } = this.modules;
    const modules = { objects: await cluster.objects(), clock, random };
    const blobs = new BenchBlobs({ blobBytes: options.blobBytes }, { random });
    const progress = await startProgress('storing', this.io);
    const unreachable = new UnreachableReplicas();
    const phases: BenchPhase[] = [];
    this.io.interrupted.throwIfAborted();
    const signals = new SignalSteps(this.io);
    const { work: signal, tidying: abandoned } = signals;
    try {
      const measuring = { ...options, signal, abandoned };
      phases.push(await benchPut(blobs, measuring, modules));
      progress.update('reading');
      if (!signal.aborted) phases.push(await benchGet(blobs.oids, measuring, modules));
    } finally {
      if (!keep) {
        progress.update('deleting');
        await Promise.race([blobs.settled(), untilAborted(abandoned)]);
        const remove = async (oids: readonly Oid[]) => {
          for (const each of await cluster.deleteBlobs(oids, abandoned)) unreachable.add(each);
        };
        const deleting = { ...options, count: blobs.oids.length, signal: abandoned };
        const deleted = await benchDelete(blobs.oids, deleting, { clock, remove });
        phases.push(deleted);
        if (abandoned.aborted) await this.say(`warning: ${blobs.oids.length - deleted.blobs} blobs were not deleted`);
      }
      progress.end();
      signals.giveBack();
    }
    return { phases, unreachable: unreachable.list(), exitCode: signals.exitCode };
  }
}

function untilAborted(signal: AbortSignal): Promise<unknown> {
  return signal.aborted ? Promise.resolve() : once(signal, 'abort');
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
