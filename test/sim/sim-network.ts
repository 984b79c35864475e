import type { SimProcess } from './sim-process.ts';
import type { SimWorld } from './sim-world.ts';

/** How messages fare. */
export interface NetworkWeather {
  /** The share of messages that are lost although their way is not cut. */
  readonly lossRate: number;
  /** The share of messages that take long. */
  readonly slowRate: number;
  readonly fastMs: number;
  readonly slowMs: number;
}

/** Nothing is lost, everything is quick. */
export const fairWeather: NetworkWeather = { lossRate: 0, slowRate: 0, fastMs: 3, slowMs: 3 };

/**
 * Messages between named hosts. Each takes a time of its own, so they overtake one another; a message
 * may be lost; a way from one host to another may be cut, and the way back not.
 */
export class SimNetwork {
  weather: NetworkWeather = fairWeather;
  readonly #world: SimWorld;
  readonly #cuts = new Set<string>();
  readonly #streams = new Set<SimStream<unknown>>();
  /** What a way holds back, by way. */
  readonly #held = new Map<string, (() => void)[]>();

  constructor(modules: { readonly world: SimWorld }) {
    this.#world = modules.world;
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  /** Cuts one way. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`);
  }

  /** Mends one way: what its streams hold back goes on, or they break. */
  mend(from: string, to: string): void {
    if (!this.#cuts.delete(`${from}>${to}`)) return;
    for (const stream of [...this.#streams]) {
      if (stream.from !== from || stream.to !== to) continue;
      if (this.#world.random.chance(0.5)) stream.breakOff();
      else stream.flush();
    }
  }

  /** What is sent on this way from now on arrives only after its release: late, and not lost. */
  hold(from: string, to: string): void {
    const way = `${from}>${to}`;
    if (!this.#held.has(way)) this.#held.set(way, []);
  }

  release(from: string, to: string): void {
    const way = `${from}>${to}`;
    const held = this.#held.get(way) ?? [];
    this.#held.delete(way);
    for (const arrive of held) this.#world.schedule(this.delayMs(), arrive);
  }

  mendAll(): void {
    for (const way of [...this.#held.keys()]) {
      const [from = '', to = ''] = way.split('>');
      this.release(from, to);
    }
    for (const cut of [...this.#cuts]) {
      const [from = '', to = ''] = cut.split('>');
      this.mend(from, to);
    }
  }

  /** Breaks the streams that end at a host. */
  breakStreams(to: string): void {
    for (const stream of [...this.#streams]) if (stream.to === to) stream.breakOff();
  }

  /** A process has ended: nobody reads what was sent to it, and what it sent ends. */
  hostEnded(host: string): void {
    for (const stream of [...this.#streams]) {
      if (stream.to === host) stream.end();
      else if (stream.from === host) stream.breakOff();
    }
  }

  /** Carries a message, which may never arrive. */
  send(from: string, to: string, arrive: () => void): void {
    if (this.isCut(from, to) || this.#world.random.chance(this.weather.lossRate)) {
      this.#world.note(() => `a message from ${from} to ${to} is lost`);
      return;
    }
    const held = this.#held.get(`${from}>${to}`);
    if (held === undefined) this.#world.schedule(this.delayMs(), arrive);
    else held.push(arrive);
  }

  delayMs(): number {
    const { slowRate, slowMs, fastMs } = this.weather;
    const isSlow = slowRate > 0 && this.#world.random.chance(slowRate);
    return this.#world.random.between(0.1, isSlow ? slowMs : fastMs);
  }

  /** A stream of messages that arrive in order, or not at all any more. */
  stream<T>(
    options: { readonly from: string; readonly to: string },
    reader: { readonly process: SimProcess; readonly take: (item: T) => void; readonly broken: () => void },
  ): SimStream<T> {
    const stream = new SimStream<T>(options, { network: this, world: this.#world, reader });
    const kept = stream as unknown as SimStream<unknown>;
    this.#streams.add(kept);
    stream.onEnd = () => this.#streams.delete(kept);
    return stream;
  }
}

/** One direction of a connection: held back while its way is cut, never out of order, never with a hole. */
export class SimStream<T> {
  readonly from: string;
  readonly to: string;
  onEnd: () => void = () => undefined;
  readonly #network: SimNetwork;
  readonly #world: SimWorld;
  readonly #reader: {
    readonly process: SimProcess;
    readonly take: (item: T) => void;
    readonly broken: () => void;
  };
  #waiting: T[] = [];
  #lastMs = 0;
  #isEnded = false;

  constructor(
    options: { readonly from: string; readonly to: string },
    modules: {
      readonly network: SimNetwork;
      readonly world: SimWorld;
      readonly reader: {
        readonly process: SimProcess;
        readonly take: (item: T) => void;
        readonly broken: () => void;
      };
    },
  ) {
    this.from = options.from;
    this.to = options.to;
    this.#network = modules.network;
    this.#world = modules.world;
    this.#reader = modules.reader;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  send(item: T): void {
    if (this.#isEnded) return;
    this.#waiting.push(item);
    this.flush();
  }

  flush(): void {
    if (this.#network.isCut(this.from, this.to)) return;
    const items = this.#waiting;
    this.#waiting = [];
    for (const item of items) {
      this.#inOrder(() => {
        if (!this.#isEnded) this.#reader.take(item);
      });
    }
  }

  /** The reader learns of it after all that is under way. */
  breakOff(): void {
    if (this.#isEnded) return;
    this.#waiting = [];
    this.#inOrder(() => {
      if (this.#isEnded) return;
      this.end();
      this.#reader.broken();
    });
  }

  /** Nobody reads any more. */
  end(): void {
    this.#isEnded = true;
    this.onEnd();
  }

  #inOrder(arrive: () => void): void {
    this.#lastMs = Math.max(this.#lastMs, this.#world.nowMs + this.#network.delayMs());
    this.#world.schedule(this.#lastMs - this.#world.nowMs, () => this.#reader.process.deliver(arrive));
  }
}
