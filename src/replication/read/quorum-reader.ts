import type { StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import { smallBlobBytesMax } from '../../rpc/limits.ts';
import type { BlobStream, ByteRange } from '../node-io.ts';
import { NodeLatencies } from '../node-latency.ts';
import type { QuorumCallOptions } from '../object-api.ts';
import { placementOf } from '../placement.ts';
import { BatchRead } from './batch-read.ts';
import { HedgePolicy } from './hedge-policy.ts';
import { MeanSize } from './mean-size.ts';
import { ReadFindings } from './read-findings.ts';
import { ReadLife } from './read-life.ts';
import { type QuorumReaderModules, type QuorumReaderOptions, readerDefaults } from './reader-settings.ts';
import { ReplicaOrder } from './replica-order.ts';
import { ReplicaRace } from './replica-race.ts';
import { ReplicaRead } from './replica-read.ts';
import { SuspectCopies } from './suspect-copies.ts';

/**
 * Reads blobs from their own nodes, the likely fastest first, with a second one beside it when the first
 * is late, and goes on with the next where one fails, also in mid-stream. What it returns is verified;
 * replicas that it finds missing or corrupt while another has a good copy are told to `gaps`.
 */
export class QuorumReader {
  readonly #options: Required<QuorumReaderOptions>;
  readonly #modules: QuorumReaderModules;
  readonly #order: ReplicaOrder;
  readonly #hedges: HedgePolicy;
  /** A message of many blobs takes longer than a first byte: each kind is compared with its own. */
  readonly #batchOrder: ReplicaOrder;
  readonly #batchHedges: HedgePolicy;
  readonly #suspects: SuspectCopies;
  /** As large as can be at first, so that nobody is asked for too much. */
  readonly #sizes = new MeanSize(smallBlobBytesMax);

  constructor(options: QuorumReaderOptions, modules: QuorumReaderModules) {
    this.#options = { ...readerDefaults, ...options };
    this.#modules = modules;
    const { clock, nodes, readObserver: observer } = modules;
    this.#suspects = new SuspectCopies({ clock });
    const latencies = modules.latencies ?? new NodeLatencies({ clock });
    this.#order = new ReplicaOrder({ nodes, latencies });
    this.#hedges = new HedgePolicy({ latencies, observer });
    const batchLatencies = new NodeLatencies({ clock });
    this.#batchOrder = new ReplicaOrder({ nodes, latencies: batchLatencies });
    this.#batchHedges = new HedgePolicy({ latencies: batchLatencies, observer });
  }

  /** See ObjectApi.get. */
  async get(oid: Oid, range: ByteRange = { offset: 0 }, options: QuorumCallOptions = {}): Promise<BlobStream> {
    const { clock, topology, gaps } = this.#modules;
    const { stallTimeoutMs, bufferedBytesMax, timeoutMs } = this.#options;
    options.signal?.throwIfAborted();
    const placement = placementOf(topology, oid);
    const findings = new ReadFindings({ oid, level: options.level ?? 'QUORUM', placement }, { topology, gaps });
    const life = new ReadLife(options.signal);
    const race = new ReplicaRace(
      {
        oid,
        placement,
        nodeIds: this.#suspects.last(oid, this.#order.takingTurns(placement)),
        stallTimeoutMs,
        deadlineMs: clock.monotonicMs() + (options.timeoutMs ?? timeoutMs),
        signal: life.signal,
      },
      { ...this.#modules, hedges: this.#hedges, findings },
    );
    this.#hedges.countRead();
    const suspects = this.#suspects;
    const read = new ReplicaRead({ oid, range, bufferedBytesMax }, { clock, life, race, findings, suspects });
    return read.open();
  }

  /**
   * See SmallObjectApi.getMany. All contents are in memory at the end: the list is the caller's to bound.
   * Rejects only when nothing can be said of any blob: NOT_READY without a ring, or the signal's reason.
   */
  async getMany(oids: readonly Oid[], options: QuorumCallOptions = {}): Promise<readonly (Buffer | StratumError)[]> {
    options.signal?.throwIfAborted();
    const { stallTimeoutMs, timeoutMs } = this.#options;
    const read = new BatchRead(
      {
        level: options.level ?? 'QUORUM',
        stallTimeoutMs,
        timeoutMs: options.timeoutMs ?? timeoutMs,
        signal: options.signal,
      },
      { ...this.#modules, order: this.#batchOrder, hedges: this.#batchHedges, sizes: this.#sizes },
    );
    return read.run(oids);
  }
}
