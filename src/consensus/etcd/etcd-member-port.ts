import { connect, createServer } from 'node:net';
import { StratumError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';

/**
 * Below the ports that systems take for outgoing connections, of which any could be in the way when
 * a member starts again on its port; and apart from those that local clusters choose for their nodes.
 */
const chosenFrom = 12_000;
const chosenBelow = 20_000;

/** More tries than a machine has services. */
const triesMax = 100;

/** A port of 127.0.0.1 that nothing listens on at the moment. */
export async function chooseMemberPort(random: Random): Promise<number> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const port = chosenFrom + Math.floor(random.next() * (chosenBelow - chosenFrom));
    if (await isFree(port)) return port;
  }
  throw new StratumError('PORT_IN_USE', `no free port found from ${chosenFrom} to ${chosenBelow - 1}`, undefined, {
    hint: 'give one with --etcd-client-listen',
  });
}

/** Whether something accepts connections at host:port. */
export function isAccepting(address: string): Promise<boolean> {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(address.slice(at + 1)) });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host: '127.0.0.1', port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
