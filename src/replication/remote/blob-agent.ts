import { Agent, type AgentOptions } from 'node:http';
import { connect, type TcpNetConnectOpts } from 'node:net';
import { KiB } from '../../base/units.ts';

/** Bytes that a connection reads at once. */
const readBytes = 128 * KiB;

/**
 * Connections for the answers of nodes. Each reads into one buffer of its own: what a socket reads is copied by the
 * parser of HTTP anyway, and without it every read is fresh memory for the kernel to clear and the collector to find.
 */
export class BlobAgent extends Agent {
  override createConnection(options: AgentOptions & Partial<TcpNetConnectOpts>) {
    const socket = connect({
      ...options,
      port: options.port ?? 0,
      onread: {
        buffer: Buffer.allocUnsafeSlow(readBytes),
        callback: (bytes, buffer) => {
          // Where nobody listens no request is under way: whatever was said would be taken for its answer.
          if (!socket.emit('data', Buffer.from(buffer.buffer, buffer.byteOffset, bytes))) socket.destroy();
          return true;
        },
      },
    });
    return socket;
  }
}
