import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';

/** What a connection of HTTP/2 begins with; no method of HTTP/1.1 does (RFC 9113, section 3.4). */
const prefaceStart = Buffer.from('PRI');

/** What a client may take for its first bytes: both kinds send theirs at once. */
const firstBytesTimeoutMs = 10_000;

/** Who takes a connection over. The bytes that were looked at are read again. */
export interface ProtocolTakers {
  http2(socket: Socket): void;
  http1(socket: Socket): void;
}

/** Gives a new connection to who speaks its protocol; closes one that says nothing for ten seconds. */
export function splitProtocols(socket: Socket, takers: ProtocolTakers, clock: Clock): void {
  const timer = clock.after(firstBytesTimeoutMs, () => socket.destroy());
  const end = () => {
    timer.cancel();
    socket.off('readable', look);
    socket.off('close', end);
    socket.off('end', leave);
    socket.off('error', leave);
  };
  const leave = () => {
    end();
    socket.destroy();
  };
  let read = Buffer.alloc(0);
  const look = () => {
    const more: unknown = socket.read();
    if (!Buffer.isBuffer(more)) return;
    read = Buffer.concat([read, more]);
    const compared = Math.min(read.length, prefaceStart.length);
    const may = read.subarray(0, compared).equals(prefaceStart.subarray(0, compared));
    if (may && compared < prefaceStart.length) return; // The rest of the preface is still on its way.
    end();
    socket.unshift(read);
    if (may) takers.http2(socket);
    else takers.http1(socket);
  };
  socket.on('readable', look);
  socket.on('close', end);
  socket.on('end', leave);
  socket.on('error', leave); // A connection that breaks before it has said anything concerns nobody.
}
