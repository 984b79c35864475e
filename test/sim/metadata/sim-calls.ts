import { StratumError } from '../../../src/base/errors.ts';
import type { SimNetwork } from '../sim-network.ts';
import type { SimProcess } from '../sim-process.ts';
import type { SimWorld } from '../sim-world.ts';

/** After so long without a word a connection is given up. */
const keepaliveMs = 15_000;

/** An address: the process that listens there now, if any. */
export interface SimHost {
  readonly name: string;
  process: SimProcess | undefined;
}

/** Who calls whom. */
export interface SimCall {
  readonly from: SimProcess;
  readonly to: SimHost;
  /** For errors. */
  readonly what: string;
  readonly signal: AbortSignal;
  /** The request may arrive twice. */
  readonly isRepeatable?: boolean;
}

/** How calls fare beyond what the network does to messages. */
export interface CallWeather {
  /** The share of requests that arrive twice. */
  readonly repeatRate: number;
  /** The share of calls of which the caller learns early that the connection broke, whatever became of the request. */
  readonly breakRate: number;
}

export const fairCalls: CallWeather = { repeatRate: 0, breakRate: 0 };

/**
 * Calls between processes. A request may be lost, late, or arrive twice; so may the answer be lost or late. The caller
 * then waits for its signal. UNREACHABLE when nobody listens, or when the connection broke.
 */
export class SimCalls {
  weather: CallWeather = fairCalls;
  readonly #world: SimWorld;
  readonly #network: SimNetwork;

  constructor(modules: { readonly world: SimWorld; readonly network: SimNetwork }) {
    this.#world = modules.world;
    this.#network = modules.network;
  }

  unary<T>(call: SimCall, work: () => Promise<T>): Promise<T> {
    const { from, to, signal } = call;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    if (signal.aborted) {
      reject(signal.reason);
      return promise;
    }
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const answer = (finish: () => void) =>
      this.#network.send(to.name, from.name, () =>
        from.deliver(() => {
          signal.removeEventListener('abort', onAbort);
          finish();
        }),
      );
    const request = () =>
      this.#network.send(from.name, to.name, () => {
        if (to.process === undefined) answer(() => reject(unreachable(call, 'nobody listens')));
        else to.process.deliver(() => run(work, answer, { resolve, reject }));
      });
    request();
    const { random } = this.#world;
    if (call.isRepeatable === true && random.chance(this.weather.repeatRate)) request();
    if (random.chance(this.weather.breakRate)) {
      this.#world.schedule(random.between(1, 200), () =>
        from.deliver(() => reject(unreachable(call, 'the connection broke'))),
      );
    }
    return promise;
  }

  /** A stream of answers, in order and without a hole; it may break off at any place, with UNREACHABLE. */
  async *stream<T>(call: SimCall, work: () => AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    const { from, to, signal } = call;
    const arrived: T[] = [];
    let ended: { readonly failure: unknown } | undefined;
    let wake: () => void = () => undefined;
    const end = (failure: unknown) => {
      ended ??= { failure };
      wake();
    };
    const onAbort = () => end(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    let isHeard = false;
    const back = this.#network.stream<{ readonly item: T } | { readonly failure: unknown }>(
      { from: to.name, to: from.name },
      {
        process: from,
        take: (message) => {
          isHeard = true;
          if ('failure' in message) end(message.failure);
          else arrived.push(message.item);
          wake();
        },
        broken: () => end(unreachable(call, 'the stream broke')),
      },
    );
    this.#network.send(from.name, to.name, () => {
      if (to.process === undefined) back.send({ failure: unreachable(call, 'nobody listens') });
      else to.process.deliver(() => void pump(work, back));
    });
    // A connection whose other end says nothing at all is given up, as by gRPC's keepalive.
    this.#world.schedule(keepaliveMs, () => {
      if (!isHeard) from.deliver(() => end(unreachable(call, 'nothing is heard')));
    });
    try {
      for (;;) {
        const item = arrived.shift();
        if (item !== undefined) yield item;
        else if (ended === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        } else if (ended.failure === undefined) return;
        else throw ended.failure;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      back.end();
    }
  }
}

function run<T>(
  work: () => Promise<T>,
  answer: (finish: () => void) => void,
  { resolve, reject }: { readonly resolve: (value: T) => void; readonly reject: (reason: unknown) => void },
): void {
  attempt(work).then(
    (value) => answer(() => resolve(value)),
    (error: unknown) => answer(() => reject(error)),
  );
}

/** What a handler throws at once is an answer as well. */
async function attempt<T>(work: () => Promise<T>): Promise<T> {
  return work();
}

async function pump<T>(
  work: () => AsyncIterable<T>,
  back: { send(message: { readonly item: T } | { readonly failure: unknown }): void; readonly isEnded: boolean },
): Promise<void> {
  try {
    for await (const item of work()) {
      if (back.isEnded) return;
      back.send({ item });
    }
    back.send({ failure: undefined });
  } catch (error) {
    back.send({ failure: error });
  }
}

function unreachable({ to, what, from }: SimCall, why: string): StratumError {
  const message = `${what} of ${from.name} at ${to.name}: ${why}`;
  return new StratumError('UNREACHABLE', message, { endpoint: to.name, method: what, timeoutMs: 0 });
}
