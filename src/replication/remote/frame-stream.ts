import { EventEmitter } from 'node:events';
import { connect, type Socket } from 'node:net';
import { explain, StratumError } from '../../base/errors.ts';
import { KiB } from '../../base/units.ts';
import { blobFramesProtocol, FrameReader, frameKinds } from '../../rpc/blob-frames.ts';
import { errorOfFrame } from '../../rpc/frame-error.ts';
import type { FrameRoom } from '../../rpc/frame-room.ts';
import type { StreamMethod } from '../../rpc/small-blob-frames.ts';
import type { CallPlace } from './call-life.ts';
import { connectionError, garbled } from './connection-error.ts';
import type { MessageStream } from './shared-stream.ts';

/** Bytes of the answer to the request for an upgrade: three short headers, and room for what a proxy adds. */
const answerBytesMax = 8 * KiB;
const endOfHeaders = Buffer.from('\r\n\r\n');

/** Milliseconds of silence after which the system asks whether the node is still there. */
const keepAliveAfterMs = 10_000;

/** Values of a stream of frames. */
export interface FrameStreamOptions extends CallPlace {
  readonly host: string;
  readonly port: number;
}

/** The caller's end of a stream of frames (src/rpc/blob-frames.ts), on a connection of its own. */
export class FrameStream<Request, Response> extends EventEmitter implements MessageStream<Request, Response> {
  readonly #options: FrameStreamOptions;
  readonly #stream: StreamMethod<Request, Response>;
  readonly #room: FrameRoom;
  readonly #frames: FrameReader;
  readonly #socket: Socket;
  /** What was written before the node had agreed; undefined afterwards. */
  #held: Buffer[] | undefined = [];
  #answer: Buffer = Buffer.alloc(0);
  #isOver = false;

  constructor(
    options: FrameStreamOptions,
    modules: { readonly stream: StreamMethod<Request, Response>; readonly room: FrameRoom },
  ) {
    super();
    this.#options = options;
    this.#stream = modules.stream;
    this.#room = modules.room;
    this.#frames = new FrameReader(
      { kinds: [modules.stream.responses.kind, frameKinds.error] },
      { onFrame: (kind, payload) => this.#take(kind, payload) },
    );
    this.#socket = this.#connect();
  }

  write(request: Request): boolean {
    const frame = this.#stream.requests.encode(request, this.#room);
    if (this.#held === undefined) return this.#send(frame);
    this.#held.push(frame);
    return true;
  }

  end(): void {
    this.#isOver = true;
    // All is answered: a node that is not heard is not waited for to close its side.
    this.#socket.destroySoon();
  }

  cancel(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }

  #connect(): Socket {
    const { host, port } = this.#options;
    let room: Buffer = Buffer.alloc(0);
    const onread = {
      // Asked for before each read: what has begun to come is read to where it belongs.
      buffer: () => {
        room = this.#frames.room();
        return room;
      },
      callback: (count: number) => this.#read(room, count),
    };
    const keepAlive = { keepAlive: true, keepAliveInitialDelay: keepAliveAfterMs };
    const socket = connect({ host, port, noDelay: true, ...keepAlive, onread });
    socket.write(
      `GET ${this.#stream.path} HTTP/1.1\r\nhost: ${this.#options.endpoint}\r\nconnection: upgrade\r\nupgrade: ${blobFramesProtocol}\r\n\r\n`,
    );
    socket.on('drain', () => this.emit('drain'));
    socket.on('error', (error) => this.#fail(connectionError(error, this.#options)));
    socket.on('end', () => this.#ended());
    socket.on('close', () => this.#ended());
    return socket;
  }

  #send(frame: Buffer): boolean {
    return this.#socket.write(frame, () => this.#room.give(frame));
  }

  /** False when nothing more is to be read. */
  #read(room: Buffer, count: number): boolean {
    try {
      if (this.#held === undefined) this.#frames.took(room, count);
      else this.#readAnswer(Buffer.from(room.subarray(0, count)));
    } catch (error) {
      this.#fail(error);
    }
    return !this.#isOver;
  }

  /** What the node says to the request for an upgrade; frames may follow it at once. */
  #readAnswer(more: Buffer): void {
    this.#answer = Buffer.concat([this.#answer, more]);
    const end = this.#answer.indexOf(endOfHeaders);
    if (end < 0 && this.#answer.length <= answerBytesMax) return;
    checkAgreed(this.#answer.subarray(0, Math.max(0, end)).toString('latin1'), this.#options);
    const rest = this.#answer.subarray(end + endOfHeaders.length);
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#answer = Buffer.alloc(0);
    for (const frame of held) this.#send(frame);
    this.#frames.take(rest);
  }

  #take(kind: number, payload: Buffer): void {
    if (this.#isOver) return;
    if (kind === frameKinds.error) {
      this.#fail(errorOfFrame(payload));
      return;
    }
    let response: Response;
    try {
      response = this.#stream.responses.decode(payload);
    } catch (error) {
      throw garbled(this.#options, `what is no message: ${explain(error)}`);
    }
    this.emit('data', response);
  }

  #ended(): void {
    const isInOrder = this.#held === undefined && !this.#frames.isInFrame;
    if (!this.#isOver && isInOrder) {
      this.#isOver = true;
      this.emit('end');
      return;
    }
    const { endpoint, method } = this.#options;
    const message = `${method} at ${endpoint}: the connection ended early`;
    this.#fail(new StratumError('UNREACHABLE', message, { endpoint, method }));
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.destroy();
    this.emit('error', error);
  }
}

/** Throws unless the head of an answer says that the connection is a stream of frames from now on. */
function checkAgreed(head: string, place: CallPlace): void {
  const [, status] = /^HTTP\/1\.1 (\d{3})(?: |\r\n|$)/.exec(head) ?? [];
  if (status === undefined) throw garbled(place, 'something that is no HTTP');
  const { method, endpoint } = place;
  if (status === '503') {
    const message = `${method} at ${endpoint}: the node takes no more streams at the moment`;
    throw new StratumError('OVERLOADED', message, { retryAfterMs: 1_000 });
  }
  const upgrade = /\r\nupgrade: *([^\r\n]*)/i.exec(head)?.[1];
  if (status === '101' && upgrade === blobFramesProtocol) return;
  throw new StratumError('UNIMPLEMENTED', `${method} at ${endpoint}: the process serves no such stream (${status})`);
}
