import { asStratumError, hasCode, type NodeFailure, StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import type { TopologySource } from '../../topology/topology.ts';
import type { ConsistencyLevel } from '../object-api.ts';
import type { Placement } from '../placement.ts';
import { requiredDenials } from '../quorum-math.ts';
import type { GapReason, GapSink } from '../replica-gaps.ts';

/** The read that the findings are of. */
export interface ReadFindingsOptions {
  readonly oid: Oid;
  readonly level: ConsistencyLevel;
  readonly placement: Placement;
}

/** What the findings are judged by, and who is told. */
export interface ReadFindingsModules {
  readonly topology: TopologySource;
  readonly gaps?: GapSink | undefined;
}

/** What a read has learned from the replicas that could not serve it: the verdict, and what is to be repaired. */
export class ReadFindings {
  readonly #options: ReadFindingsOptions;
  readonly #modules: ReadFindingsModules;
  readonly #failures: NodeFailure[] = [];
  #denials = 0;
  /** Bytes of the verified copy that another replica gave; undefined before it has. */
  #verifiedSize: number | undefined;

  constructor(options: ReadFindingsOptions, modules: ReadFindingsModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Why a node did not serve; repaired at once when another has done so meanwhile. */
  add(nodeId: string, endpoint: string, cause: unknown): void {
    const failure = { nodeId, endpoint, attempt: 1, error: asStratumError(cause) };
    this.#failures.push(failure);
    if (hasCode(failure.error, 'BLOB_NOT_FOUND') && this.#isEntitled(nodeId)) this.#denials += 1;
    if (this.#verifiedSize !== undefined) this.#repair(failure, this.#verifiedSize);
  }

  /** Enough entitled nodes have said that they lack the blob: by the rule it is missing, whatever the others would say. */
  get isDenied(): boolean {
    const required = this.#requiredDenials;
    return required > 0 && this.#denials >= required;
  }

  /**
   * Why the read cannot be served by anybody: BLOB_NOT_FOUND when enough entitled nodes have said that they
   * lack the blob, and otherwise that it cannot be said, with every node's own error.
   */
  verdict(): StratumError {
    const { oid } = this.#options;
    if (this.isDenied) {
      return new StratumError('BLOB_NOT_FOUND', `no node holds blob ${oid}`, { kind: 'blob', id: oid });
    }
    return this.#agreedRefusal() ?? this.#cannotSay();
  }

  /**
   * Has the replicas repaired that said that theirs is missing or corrupt. Only for who has seen a verified
   * copy of `size` bytes to its end, and once.
   */
  repair(size: number): void {
    this.#verifiedSize = size;
    for (const failure of this.#failures) this.#repair(failure, size);
  }

  /** Notes one replica's gap, unless the node has left the cluster. */
  noteGap(nodeId: string, size: number, reason: GapReason): void {
    const { gaps, topology } = this.#modules;
    if (topology.current()?.nodes.has(nodeId) !== true) return;
    gaps?.note({ oid: this.#options.oid, size, nodeId }, reason);
  }

  get #requiredDenials(): number {
    const { level, placement } = this.#options;
    return Math.min(requiredDenials(level, placement.ring), placement.nodeIds.length);
  }

  #repair({ nodeId, error }: NodeFailure, size: number): void {
    if (hasCode(error, 'BLOB_NOT_FOUND')) this.noteGap(nodeId, size, 'MISSING');
    if (hasCode(error, 'CHECKSUM_MISMATCH')) this.noteGap(nodeId, size, 'CORRUPT');
  }

  /** A node that has left, or has not finished joining, says nothing of what the cluster holds. */
  #isEntitled(nodeId: string): boolean {
    const node = this.#modules.topology.current()?.nodes.get(nodeId);
    return node !== undefined && node.state !== 'JOINING';
  }

  /** What is wrong with the question itself, when as many nodes say so as a denial needs: one may have a damaged copy. */
  #agreedRefusal(): StratumError | undefined {
    const required = this.#requiredDenials;
    for (const code of ['INVALID_ARGUMENT', 'TOO_LARGE'] as const) {
      const same = this.#failures.filter(({ error }) => error.code === code);
      if (required > 0 && same.length >= required) return same[0]?.error;
    }
    return undefined;
  }

  #cannotSay(): StratumError {
    const { oid } = this.#options;
    const reasons = this.#failures.map(({ nodeId, error }) => `${nodeId}: ${error.message}`).join('; ');
    const message = `blob ${oid} cannot be read, nor be called missing: ${reasons}`;
    const details = { required: 1, achieved: 0, nodes: [...this.#failures] };
    return new StratumError('INSUFFICIENT_REPLICAS', message, details, {
      hint: 'stratum ring locate --verify tells what each node holds',
    });
  }
}

/** A copy that is not what its id says. */
export function corruptCopy(oid: Oid, nodeId: string, got: string): StratumError<'CHECKSUM_MISMATCH'> {
  const message = `the content of blob ${oid} from ${nodeId} hashes to ${got}`;
  const details = { oid, nodeId, expected: oid, got };
  return new StratumError('CHECKSUM_MISMATCH', message, details, {
    hint: 'read it again: another replica may be sound',
  });
}
