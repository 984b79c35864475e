import type { Socket } from 'node:net';
import type { Clock, Timer } from '../base/clock.ts';
import { explain, StratumError } from '../base/errors.ts';
import { FrameReader } from './blob-frames.ts';
import { errorFrame } from './frame-error.ts';
import type { FrameRoom } from './frame-room.ts';
import type { DuplexHandler } from './handlers.ts';
import type { StreamMethod } from './small-blob-frames.ts';

/** Messages that are read ahead of the handler, which takes several itself; then the connection is not read. */
const waitingMax = 2;

/** How often a connection is looked at, in milliseconds. */
const lookEveryMs = 10_000;

/** The longest that a frame may take to come, an answer to be taken, or work to go on after the caller's end, in milliseconds. */
const progressTimeoutMs = 30_000;

/** How long a stream may be silent, in milliseconds: twice as long as our clients keep one that they do not use. */
const idleTimeoutMs = 60_000;

/** How long a caller may take to close its side when all is said, in milliseconds. */
const lingerMs = 5_000;

/** What a served stream works with. */
export interface FrameServingModules<Request, Response> {
  readonly socket: Socket;
  readonly handler: DuplexHandler<Request, Response>;
  readonly room: FrameRoom;
  readonly clock: Clock;
  /** Aborts when the listener wants to stop. */
  readonly ending: AbortSignal;
}

/** One for all: a stack trace for the end of each stream says nothing. */
const callerGone = new StratumError('CANCELLED', 'the caller went away');

/**
 * The node's end of one stream of frames. Requests go to the handler in their order, its answers back in
 * theirs; whoever does not read answers is not read either. An error of the handler, a frame that is
 * damaged, of another kind or too long, and bytes that are no message end the stream with a frame that
 * says why. A caller that stops in mid-frame or says nothing for long is disconnected.
 */
export class FrameServing<Request, Response> {
  readonly #stream: StreamMethod<Request, Response>;
  readonly #modules: FrameServingModules<Request, Response>;
  readonly #frames: FrameReader;
  readonly #waiting: Buffer[] = [];
  readonly #gone = new AbortController();
  #looking: Timer | undefined;
  #wake: (() => void) | undefined;
  /** The caller sends no more, and why if not in good order. */
  #ended: { readonly atMs: number; readonly error?: unknown } | undefined;
  #isOver = false;
  #heardAtMs: number;
  #frameSinceMs: number;
  #fullSinceMs: number | undefined;
  readonly #onData = (chunk: Buffer) => this.#take(chunk);

  constructor(stream: StreamMethod<Request, Response>, modules: FrameServingModules<Request, Response>) {
    this.#stream = stream;
    this.#modules = modules;
    this.#heardAtMs = modules.clock.monotonicMs();
    this.#frameSinceMs = this.#heardAtMs;
    this.#frames = new FrameReader(
      { kinds: [stream.requests.kind] },
      { onFrame: (_, payload) => void this.#waiting.push(payload) },
    );
  }

  /** Serves until either side ends; `head` has been read already. */
  begin(head: Buffer): void {
    const { socket, clock } = this.#modules;
    this.#looking = clock.every(lookEveryMs, () => this.#look());
    socket.setNoDelay(true);
    socket.on('data', this.#onData);
    socket.on('end', () => this.#end(this.#frames.isInFrame ? { error: callerGone } : {}));
    socket.on('error', () => undefined); // "close" follows.
    socket.on('close', () => {
      this.#looking?.cancel();
      this.#gone.abort(callerGone);
      this.#end({ error: callerGone });
    });
    if (head.length > 0) this.#take(head);
    void this.#answer();
  }

  async #answer(): Promise<void> {
    const { socket, handler, room, ending } = this.#modules;
    const { signal } = this.#gone;
    const context = { signal, peer: socket.remoteAddress ?? '', ending };
    try {
      for await (const response of handler(this.#requests(), context)) {
        if (signal.aborted) break;
        const frame = this.#stream.responses.encode(response, room);
        if (!socket.write(frame, () => room.give(frame))) await this.#drained();
      }
    } catch (error) {
      if (!signal.aborted) socket.write(errorFrame(error));
    }
    this.#finish();
  }

  /** The messages, until the caller ends. */
  async *#requests(): AsyncGenerator<Request, void, undefined> {
    for (;;) {
      const payload = this.#waiting.shift();
      if (payload !== undefined) {
        this.#readOn();
        yield this.#decode(payload);
      } else if (this.#ended !== undefined) {
        if (this.#ended.error !== undefined) throw this.#ended.error;
        return;
      } else {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
    }
  }

  #decode(payload: Buffer): Request {
    try {
      return this.#stream.requests.decode(payload);
    } catch (error) {
      const details = { field: 'request', reason: explain(error), expected: 'a message of the protocol' };
      throw new StratumError('INVALID_ARGUMENT', 'the request is no message of the protocol', details, {
        cause: error,
      });
    }
  }

  #take(chunk: Buffer): void {
    const { socket, clock } = this.#modules;
    const wasInFrame = this.#frames.isInFrame;
    const waitingCount = this.#waiting.length;
    this.#heardAtMs = clock.monotonicMs();
    try {
      this.#frames.take(chunk);
    } catch (error) {
      socket.off('data', this.#onData);
      socket.resume(); // What else comes is nobody's.
      this.#end({ error });
      return;
    }
    if (!wasInFrame || this.#waiting.length > waitingCount) this.#frameSinceMs = this.#heardAtMs;
    if (this.#waiting.length >= waitingMax) socket.pause();
    if (this.#waiting.length > 0) this.#wakeUp();
  }

  #readOn(): void {
    const { socket, clock } = this.#modules;
    if (this.#waiting.length >= waitingMax || !socket.isPaused()) return;
    this.#frameSinceMs = clock.monotonicMs();
    socket.resume();
  }

  #end(how: { readonly error?: unknown }): void {
    this.#ended ??= { ...how, atMs: this.#modules.clock.monotonicMs() };
    this.#wakeUp();
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Until the caller has taken what was written, or has gone. */
  #drained(): Promise<void> {
    const { socket, clock } = this.#modules;
    const { signal } = this.#gone;
    this.#fullSinceMs = clock.monotonicMs();
    return new Promise((resolve) => {
      const done = () => {
        this.#fullSinceMs = undefined;
        socket.off('drain', done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      socket.on('drain', done);
      signal.addEventListener('abort', done, { once: true });
      if (signal.aborted) done();
    });
  }

  /** Nothing more is said. Closing at once could take what was said away from a caller that still sends. */
  #finish(): void {
    const { socket, clock } = this.#modules;
    this.#isOver = true;
    this.#looking?.cancel();
    if (socket.destroyed) return;
    this.#waiting.length = 0;
    socket.off('data', this.#onData);
    socket.resume();
    socket.end();
    const timer = clock.after(lingerMs, () => socket.destroy());
    socket.once('close', () => timer.cancel());
  }

  #look(): void {
    const { socket, clock } = this.#modules;
    if (this.#isOver) return;
    const nowMs = clock.monotonicMs();
    const isSlow = this.#frames.isInFrame && !socket.isPaused() && nowMs - this.#frameSinceMs > progressTimeoutMs;
    const isUnread = this.#fullSinceMs !== undefined && nowMs - this.#fullSinceMs > progressTimeoutMs;
    const isIdle = this.#wake !== undefined && nowMs - this.#heardAtMs > idleTimeoutMs;
    // It may have gone altogether: a connection that is closed looks like one that says no more.
    const isLate = this.#ended !== undefined && nowMs - this.#ended.atMs > progressTimeoutMs;
    if (isSlow || isUnread || isIdle || isLate) socket.destroy();
  }
}
