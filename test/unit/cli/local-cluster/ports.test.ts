import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../../src/base/random.ts';
import { choosePort, isListening, isPortFree } from '../../../../src/cli/local-cluster/ports.ts';

let taken: Server | undefined;
afterEach(() => taken?.close());

async function takePort(): Promise<number> {
  const server = createServer();
  taken = server;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

describe('a port', () => {
  it('is not free while something listens on it', async () => {
    const port = await takePort();
    expect(await isPortFree(port)).toBe(false);
    expect(await isListening(port)).toBe(true);
    await new Promise((resolve) => taken?.close(resolve));
    expect(await isPortFree(port)).toBe(true);
    expect(await isListening(port)).toBe(false);
  });
});

describe('choosing a port', () => {
  it('gives free ones outside the range of outgoing connections, none twice', async () => {
    const chosen = new Set<number>();
    for (let times = 0; times < 20; times += 1) {
      const port = await choosePort(systemRandom, chosen);
      expect(chosen.has(port)).toBe(false);
      expect(port).toBeGreaterThanOrEqual(20_000);
      expect(port).toBeLessThan(32_000);
      chosen.add(port);
    }
  });

  it('gives up with the flags to use when no port is free', async () => {
    const stuck = { next: () => 0, bytes: (length: number) => Buffer.alloc(length) };
    await expect(choosePort(stuck, new Set([20_000]))).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      hint: expect.stringContaining('--base-port'),
    });
  });
});
