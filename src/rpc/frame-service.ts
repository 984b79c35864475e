import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { FrameRoom } from './frame-room.ts';
import { FrameServing } from './frame-serving.ts';
import type { DuplexHandler } from './handlers.ts';
import type { ServiceObserver } from './observed-service.ts';
import { observedStream } from './observed-stream.ts';
import type { StreamMethod } from './small-blob-frames.ts';

/** What a listener gives to who takes one of its connections over. */
export interface StreamHost {
  readonly clock: Clock;
  /** Aborts when the listener wants to stop. */
  readonly ending: AbortSignal;
}

/** Takes an upgraded connection over; `head` has been read of it already. */
export type StreamService = (socket: Socket, head: Buffer, host: StreamHost) => void;

/** A method as a service of streams of frames, told to the observers as its gRPC calls are. */
export function frameService<Request, Response>(
  stream: StreamMethod<Request, Response>,
  handler: DuplexHandler<Request, Response>,
  { room, observers }: { readonly room: FrameRoom; readonly observers: readonly ServiceObserver[] },
): StreamService {
  const observed = observedStream(stream.method, handler, observers);
  return (socket, head, host) => new FrameServing(stream, { socket, handler: observed, room, ...host }).begin(head);
}
