import type { NodeIo } from '../node-directory.ts';
import { type CallAspect, type NodeCall, NodeDecorator, type NodeMethod } from './node-decorator.ts';
import { resultOf } from './node-failure.ts';

/** What a trace tells of a call when it begins. */
export interface TracedCall {
  readonly nodeId: string;
  readonly endpoint: string;
  readonly method: NodeMethod;
  readonly blobCount: number;
}

/** One call in a trace. */
export interface CallSpan {
  /** Runs what belongs to the call: what is called from there is its child. */
  within<T>(work: () => Promise<T>): Promise<T>;
  /** Ends it: OK or the code of the error, and the bytes of content that were sent and received. */
  end(result: string, bytes: number): void;
}

/** Begins spans. */
export interface CallTracer {
  calling(call: TracedCall): CallSpan;
}

/** Traces the calls to a node. */
export class TracedNode extends NodeDecorator {
  readonly #tracer: CallTracer;

  constructor(inner: NodeIo, modules: { readonly tracer: CallTracer }) {
    super(inner);
    this.#tracer = modules.tracer;
  }

  protected override begin(call: NodeCall): CallAspect {
    const { nodeId, endpoint } = this;
    const { method, blobCount } = call;
    const span = this.#tracer.calling({ nodeId, endpoint, method, blobCount });
    return {
      run: (make) => span.within(() => make(call.options)),
      ended: ({ failure, receivedBytes }) => span.end(resultOf(call, failure), call.sentBytes + receivedBytes),
    };
  }
}
