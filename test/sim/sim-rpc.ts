import type { ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { StratumError } from '../../src/base/errors.ts';
import { fromRpcError } from '../../src/rpc/error-mapping.ts';
import type {
  CoordinatorServiceServer,
  WatchTopologyRequest,
  WatchTopologyResponse,
} from '../../src/rpc/gen/stratum/v1/coordinator.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimProcess } from './sim-process.ts';

/** A coordinator as callers find it: the process at its address, if there is one, and what it serves. */
export interface SimEndpoint {
  readonly name: string;
  /** Undefined while no process runs there. */
  current(): { readonly process: SimProcess; readonly service: CoordinatorServiceServer } | undefined;
}

/** The methods that answer once. */
export type SimMethod = 'registerNode' | 'deregisterNode' | 'heartbeat' | 'getLeader';

type RequestOf<Method extends SimMethod> = Parameters<CoordinatorServiceServer[Method]>[0]['request'];
type ResponseOf<Method extends SimMethod> = NonNullable<Parameters<Parameters<CoordinatorServiceServer[Method]>[1]>[1]>;

/** Calls over the simulated network to the handlers that a real listener would call. */
export class SimRpc {
  readonly #network: SimNetwork;
  readonly #caller: SimProcess;

  constructor(modules: { readonly network: SimNetwork; readonly caller: SimProcess }) {
    this.#network = modules.network;
    this.#caller = modules.caller;
  }

  /** DEADLINE_EXCEEDED when no answer comes, UNREACHABLE when nobody listens. */
  unary<Method extends SimMethod>(
    endpoint: SimEndpoint,
    method: Method,
    request: RequestOf<Method>,
    timeoutMs: number,
  ): Promise<ResponseOf<Method>> {
    const { promise, resolve, reject } = Promise.withResolvers<ResponseOf<Method>>();
    const origin = { endpoint: endpoint.name, method, timeoutMs };
    const caller = this.#caller;
    const timer = caller.clock.after(timeoutMs, () => {
      reject(new StratumError('DEADLINE_EXCEEDED', `${method} at ${endpoint.name} gave no answer`, origin));
    });
    const answer = (finish: () => void) =>
      this.#network.send(endpoint.name, caller.name, () =>
        caller.deliver(() => {
          timer.cancel();
          finish();
        }),
      );
    this.#network.send(caller.name, endpoint.name, () => {
      const server = endpoint.current();
      if (server === undefined) {
        answer(() => reject(new StratumError('UNREACHABLE', `nobody listens at ${endpoint.name}`, origin)));
        return;
      }
      server.process.deliver(() => {
        const call = { request, on: () => undefined, getPeer: () => '10.0.0.1:1' };
        const handler = server.service[method] as (
          call: ServerUnaryCall<RequestOf<Method>, ResponseOf<Method>>,
          callback: (error: unknown, response?: ResponseOf<Method> | null) => void,
        ) => void;
        handler(call as unknown as ServerUnaryCall<RequestOf<Method>, ResponseOf<Method>>, (error, response) => {
          if (response !== undefined && response !== null) answer(() => resolve(response));
          else answer(() => reject(fromRpcError(error, origin)));
        });
      });
    });
    return promise;
  }

  /** A watch of the topology; throws UNREACHABLE when the stream breaks, or what the coordinator ended it with. */
  async *watch(
    endpoint: SimEndpoint,
    request: WatchTopologyRequest,
    signal: AbortSignal,
  ): AsyncGenerator<WatchTopologyResponse, void, undefined> {
    const origin = { endpoint: endpoint.name, method: 'WatchTopology', timeoutMs: 0 };
    const waiting: WatchTopologyResponse[] = [];
    let failure: unknown;
    let wake: () => void = () => undefined;
    let cancel: () => void = () => undefined;
    const fail = (reason: unknown) => {
      failure ??= reason;
      wake();
    };
    const onAbort = () => fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    let ending: unknown = new StratumError('UNREACHABLE', `the watch at ${endpoint.name} broke`, origin);
    const stream = this.#network.stream<WatchTopologyResponse>(
      { from: endpoint.name, to: this.#caller.name },
      {
        process: this.#caller,
        take: (item) => {
          waiting.push(item);
          wake();
        },
        broken: () => fail(ending),
      },
    );
    const onEnd = stream.onEnd;
    stream.onEnd = () => {
      onEnd();
      cancel();
    };
    this.#network.send(this.#caller.name, endpoint.name, () => {
      const server = endpoint.current();
      if (server === undefined) {
        stream.breakOff();
        return;
      }
      server.process.deliver(() => {
        if (stream.isEnded) return;
        const call = {
          request,
          on: (event: string, listener: () => void) => {
            // The coordinator learns of it when it runs again, if ever.
            if (event === 'cancelled') cancel = () => server.process.deliver(listener);
          },
          getPeer: () => '10.0.0.1:1',
          write: (response: WatchTopologyResponse) => {
            stream.send(response);
            return true;
          },
          end: () => stream.breakOff(),
          emit: (_event: string, error: unknown) => {
            ending = fromRpcError(error, origin);
            stream.breakOff();
          },
        };
        server.service.watchTopology(
          call as unknown as ServerWritableStream<WatchTopologyRequest, WatchTopologyResponse>,
        );
      });
    });
    try {
      for (;;) {
        const response = waiting.shift();
        if (response !== undefined) yield response;
        else if (failure !== undefined) throw failure;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      stream.end();
    }
  }
}
