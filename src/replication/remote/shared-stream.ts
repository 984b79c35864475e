import type { Clock, Timer } from '../../base/clock.ts';
import { asStratumError, StratumError } from '../../base/errors.ts';
import type { CallPlace } from './call-life.ts';
import { SharedCall, type SharedQuestion } from './shared-call.ts';

/** How items become messages, and messages become answers. */
export interface SharedStreamCodec<Item, Request, Response, Answer> {
  /** Bytes that an item adds to a message. */
  bytesOf(item: Item): number;
  /** A message of items that share a key. */
  encode(items: readonly Item[], key: string): Request;
  /** The answers of a message, for the items that it answers first; throws when they are none. */
  decode(response: Response, items: readonly Item[]): readonly Answer[];
}

/** A stream of messages both ways; after "end" or "error", which comes once, it says nothing more. */
export interface MessageStream<Request, Response> {
  /** False when the peer is behind; "drain" tells when it has caught up. */
  write(request: Request): boolean;
  end(): unknown;
  cancel(): void;
  on(event: 'data', listener: (response: Response) => void): unknown;
  on(event: 'drain' | 'end', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** Values of a shared stream. */
export interface SharedStreamOptions extends CallPlace {
  /** Items of a message. */
  readonly itemsMax: number;
  /** Bytes of a message; one larger item goes alone. */
  readonly bytesMax: number;
  /** Messages that are on their way at once; what comes meanwhile is gathered into the next one. */
  readonly messagesMax: number;
  /** Milliseconds after which a stream that nobody uses is closed. */
  readonly idleMs: number;
  /** Milliseconds of silence after which a caller that leaves, mostly at its deadline, condemns the stream. */
  readonly stallMs: number;
}

/** What a shared stream works with. */
export interface SharedStreamModules<Item, Request, Response, Answer> {
  readonly clock: Clock;
  readonly open: () => MessageStream<Request, Response>;
  readonly codec: SharedStreamCodec<Item, Request, Response, Answer>;
}

/** A message whose answers have not all come. */
interface Message<Item, Answer> {
  readonly items: Item[];
  /** For each item, whose it is. */
  readonly calls: SharedCall<Item, Answer>[];
  readonly sentAtMs: number;
  answeredCount: number;
}

/**
 * One long-lived stream to a node that many callers share. What is asked while `messagesMax`
 * messages are on their way goes together in the next one, so that a message costs little for each
 * item under load, and nothing waits without it. Answers come in the order of the items. A stream
 * that breaks fails what was on its way (the outcome is unknown), and the next message opens a new
 * one; a caller that leaves disturbs nobody; and a stream that stays silent beyond a caller's
 * deadline is replaced, so that it cannot hang the calls after it.
 */
export class SharedStream<Item, Request, Response, Answer> {
  readonly #options: SharedStreamOptions;
  readonly #modules: SharedStreamModules<Item, Request, Response, Answer>;
  readonly #queue: SharedCall<Item, Answer>[] = [];
  #onTheWay: Message<Item, Answer>[] = [];
  #stream: MessageStream<Request, Response> | undefined;
  #idleTimer: Timer | undefined;
  #heardAtMs = 0;
  #isFull = false;
  #isPumping = false;
  #isClosed = false;
  /** Who leaves after a long silence condemns the stream. */
  readonly #onLeave = () => {
    const { stallMs } = this.#options;
    const oldest = this.#onTheWay[0];
    if (oldest === undefined) return;
    const silentSinceMs = Math.max(this.#heardAtMs, oldest.sentAtMs);
    if (this.#modules.clock.monotonicMs() - silentSinceMs < stallMs) return;
    this.#drop(unreachable(this.#options, `silent for more than ${stallMs} ms`));
  };

  constructor(options: SharedStreamOptions, modules: SharedStreamModules<Item, Request, Response, Answer>) {
    this.#options = options;
    this.#modules = modules;
  }

  /** An answer for each item, in order. The caller bounds how much it asks at once. */
  ask(question: SharedQuestion<Item>): Promise<readonly Answer[]> {
    if (this.#isClosed) return Promise.reject(closed(this.#options));
    if (question.items.length === 0) return Promise.resolve([]);
    const call = new SharedCall<Item, Answer>(question, this.#onLeave);
    this.#queue.push(call);
    this.#schedule();
    return call.answers;
  }

  /** Ends the stream; calls that are not answered fail. */
  close(): void {
    this.#isClosed = true;
    const error = closed(this.#options);
    for (const call of this.#queue.splice(0)) call.fail(error);
    this.#drop(error);
  }

  /** After all that wants to ask in this turn has asked: first the promises, then the tick. */
  #schedule(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    queueMicrotask(() => process.nextTick(() => this.#pump()));
  }

  #pump(): void {
    this.#isPumping = false;
    while (!this.#isFull && this.#onTheWay.length < this.#options.messagesMax) {
      const message = this.#nextMessage();
      if (message === undefined) return;
      const [call] = message.calls;
      const stream = this.#stream ?? this.#open();
      this.#onTheWay.push(message);
      this.#isFull = !stream.write(this.#modules.codec.encode(message.items, call?.key ?? ''));
    }
  }

  /** As many items as fit, of one key, in the order of asking. */
  #nextMessage(): Message<Item, Answer> | undefined {
    const { codec, clock } = this.#modules;
    const { itemsMax, bytesMax } = this.#options;
    const message: Message<Item, Answer> = { items: [], calls: [], sentAtMs: clock.monotonicMs(), answeredCount: 0 };
    let bytes = 0;
    for (let call = this.#queue[0]; call !== undefined; call = this.#queue[0]) {
      const [first = call] = message.calls;
      if (!call.isSettled && call.key !== first.key) break;
      for (const item of call.isSettled ? [] : call.items.slice(call.sentCount)) {
        bytes += codec.bytesOf(item);
        if (message.items.length > 0 && (bytes > bytesMax || message.items.length >= itemsMax)) return message;
        message.items.push(item);
        message.calls.push(call);
        call.sentCount += 1;
      }
      this.#queue.shift();
    }
    return message.items.length === 0 ? undefined : message;
  }

  #open(): MessageStream<Request, Response> {
    const stream = this.#modules.open();
    const broke = (error: unknown) => {
      if (this.#stream === stream) this.#drop(error);
    };
    stream.on('data', (response: Response) => {
      if (this.#stream === stream) this.#take(response);
    });
    stream.on('drain', () => {
      if (this.#stream !== stream) return;
      this.#isFull = false;
      this.#schedule();
    });
    stream.on('error', (error: unknown) => broke(asStratumError(error)));
    stream.on('end', () => broke(unreachable(this.#options, 'the node ended the stream')));
    this.#stream = stream;
    this.#watchForIdleness(this.#options.idleMs);
    return stream;
  }

  #take(response: Response): void {
    this.#heardAtMs = this.#modules.clock.monotonicMs();
    const message = this.#onTheWay[0];
    try {
      if (message === undefined) throw unasked(this.#options);
      const asked = message.answeredCount === 0 ? message.items : message.items.slice(message.answeredCount);
      for (const answer of this.#modules.codec.decode(response, asked)) {
        message.calls[message.answeredCount]?.take(answer);
        message.answeredCount += 1;
      }
      if (message.answeredCount > message.items.length) throw unasked(this.#options);
    } catch (error) {
      this.#drop(error);
      return;
    }
    if (message.answeredCount < message.items.length) return;
    this.#onTheWay.shift();
    this.#schedule();
  }

  /** Gives the stream up, and fails what was on its way. */
  #drop(error: unknown): void {
    const stream = this.#stream;
    const lost = this.#onTheWay;
    this.#stream = undefined;
    this.#onTheWay = [];
    this.#isFull = false;
    this.#idleTimer?.cancel();
    stream?.cancel();
    for (const { calls } of lost) for (const call of calls) call.fail(error);
    if (this.#queue.length > 0) this.#schedule();
  }

  /** Not a timer for each message: looks when it could be idle, and then again when it still could. */
  #watchForIdleness(inMs: number): void {
    this.#idleTimer = this.#modules.clock.after(inMs, () => {
      const { idleMs } = this.#options;
      const restMs = this.#onTheWay.length > 0 ? idleMs : this.#heardAtMs + idleMs - this.#modules.clock.monotonicMs();
      if (restMs > 0) {
        this.#watchForIdleness(restMs);
        return;
      }
      const stream = this.#stream;
      this.#stream = undefined;
      stream?.end();
    });
  }
}

function unreachable({ endpoint, method }: CallPlace, why: string): StratumError {
  return new StratumError('UNREACHABLE', `${method} at ${endpoint}: ${why}`, { endpoint, method });
}

function closed({ endpoint, method }: CallPlace): StratumError {
  return new StratumError('CANCELLED', `${method} at ${endpoint}: the client has been closed`);
}

function unasked({ endpoint, method }: CallPlace): StratumError {
  return new StratumError('DATA_CORRUPT', `${method} at ${endpoint} was answered with more than was asked`);
}
