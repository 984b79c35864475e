import { connect, createServer } from 'node:net';
import { StratumError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';

/** The only address that a local cluster listens on. */
export const loopback = '127.0.0.1';

/**
 * Where ports are chosen: below the range that systems take the ports of outgoing connections from
 * (32768 on Linux, 49152 elsewhere). A port from that range could not be kept: while the cluster is
 * down any connection may get it, and a node that connects to a port of its own range may even be
 * answered by itself.
 */
const chosenFrom = 20_000;
const chosenBelow = 32_000;

/** More tries than a machine has services; running out means that the range is shut. */
const triesMax = 200;

/** Whether nothing listens on a port and it can be bound. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host: loopback, port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/** Whether something accepts connections on a port. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: loopback, port });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

/** A free port that is not among `taken`. */
export async function choosePort(random: Random, taken: ReadonlySet<number>): Promise<number> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const port = chosenFrom + Math.floor(random.next() * (chosenBelow - chosenFrom));
    if (!taken.has(port) && (await isPortFree(port))) return port;
  }
  throw new StratumError('PORT_IN_USE', `no free port found from ${chosenFrom} to ${chosenBelow - 1}`, undefined, {
    hint: 'give ports with --git-port, --coordinator-port and --base-port',
  });
}
