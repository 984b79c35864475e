import type { Socket } from 'node:net';

/** Calls the listener once, when both sockets of a connection that is passed on have closed. */
export function onBothClosed(one: Socket, other: Socket, listener: () => void): void {
  let open = 2;
  const closed = () => {
    open -= 1;
    if (open === 0) listener();
  };
  one.once('close', closed);
  other.once('close', closed);
}
