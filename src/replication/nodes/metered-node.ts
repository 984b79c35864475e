import type { Clock } from '../../base/clock.ts';
import { StratumError } from '../../base/errors.ts';
import type { SmallBlobAnswer } from '../../store/blob-store.ts';
import type { NodeIo } from '../node-directory.ts';
import { type CallAspect, type CallEnd, type NodeCall, NodeDecorator, type NodeMethod } from './node-decorator.ts';
import { resultOf } from './node-failure.ts';

/** How many blobs of a call ended so: OK, or the code of the error. */
export type BlobResults = ReadonlyMap<string, number>;

/** Told of the calls to one node. */
export interface NodeObserver {
  /** A call was answered or has failed; that of a stream ends with its first answer. */
  answered(method: NodeMethod, durationMs: number): void;
  /** Blobs were written. */
  wrote(results: BlobResults): void;
  /** Blobs were read, or were found not to be there. */
  read(results: BlobResults): void;
  /** The node has left: nothing more will be told, and what was told may be forgotten. */
  close(): void;
}

/** Counts the calls to a node. */
export class MeteredNode extends NodeDecorator {
  readonly #clock: Clock;
  readonly #observer: NodeObserver;

  constructor(inner: NodeIo, modules: { readonly clock: Clock; readonly observer: NodeObserver }) {
    super(inner);
    this.#clock = modules.clock;
    this.#observer = modules.observer;
  }

  protected override begin(call: NodeCall): CallAspect {
    const startedMs = this.#clock.monotonicMs();
    return {
      run: async (make) => {
        try {
          return await make(call.options);
        } finally {
          this.#observer.answered(call.method, this.#clock.monotonicMs() - startedMs);
        }
      },
      ended: (end) => {
        if (call.method === 'put' || call.method === 'putMany') this.#observer.wrote(resultsOf(call, end));
        else if (call.method !== 'has') this.#observer.read(resultsOf(call, end));
      },
    };
  }
}

const codeOfPresence = {
  PRESENT: 'OK',
  MISSING: 'BLOB_NOT_FOUND',
  CORRUPT: 'CHECKSUM_MISMATCH',
  UNKNOWN: 'UNKNOWN',
} as const satisfies Record<SmallBlobAnswer['presence'], string>;

function resultsOf(call: NodeCall, { failure, fates, answers }: CallEnd): BlobResults {
  if (failure !== undefined) return new Map([[resultOf(call, failure), call.blobCount]]);
  const results = new Map<string, number>();
  const add = (result: string) => results.set(result, (results.get(result) ?? 0) + 1);
  if (fates !== undefined) for (const fate of fates) add(fate instanceof StratumError ? fate.code : 'OK');
  else if (answers !== undefined) for (const { presence } of answers) add(codeOfPresence[presence]);
  else results.set('OK', call.blobCount);
  return results;
}
