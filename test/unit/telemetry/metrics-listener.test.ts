import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Metrics } from '../../../src/telemetry/metrics.ts';
import { MetricsListener } from '../../../src/telemetry/metrics-listener.ts';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(metrics = new Metrics()): Promise<MetricsListener> {
  const listener = new MetricsListener({ host: '127.0.0.1', port: 0 }, { metrics });
  await listener.start();
  closers.push(() => listener.stop());
  return listener;
}

describe('MetricsListener', () => {
  it('serves the metrics, those of the process too, in the format of Prometheus', async () => {
    const metrics = new Metrics();
    metrics.increment('stratum_leadership_changes_total', {});
    const { url } = await start(metrics);
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    expect(text).toContain('stratum_leadership_changes_total 1');
    expect(text).toContain('process_cpu_seconds_total');
  });

  it.each([
    ['another path', '/', 'GET'],
    ['another method', '/metrics', 'POST'],
  ])('has nothing else: %s', async (_, path, method) => {
    const { url } = await start();
    expect((await fetch(new URL(path, url), { method })).status).toBe(404);
  });

  it('answers 500, and goes on, when a gauge cannot be read', async () => {
    const metrics = new Metrics();
    let isBroken = true;
    metrics.gauge('stratum_watches', () => {
      if (isBroken) throw new Error('broken');
      return [{ labels: {}, value: 1 }];
    });
    const { url } = await start(metrics);
    expect((await fetch(url)).status).toBe(500);
    isBroken = false;
    expect((await fetch(url)).status).toBe(200);
  });

  it('stops although somebody is connected who asks for nothing', async () => {
    const listener = await start();
    const socket = connect(Number(new URL(listener.url).port), '127.0.0.1');
    await once(socket, 'connect');
    const closed = once(socket, 'close');
    await listener.stop();
    await closed;
  });

  it('names the address that is in use, and the flag', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    closers.push(() => other.close());
    const bound = other.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    const listener = new MetricsListener({ host: '127.0.0.1', port }, { metrics: new Metrics() });
    await expect(listener.start()).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining(`127.0.0.1:${port}`),
      hint: expect.stringContaining('--metrics-listen'),
    });
  });

  it('refuses an address that is not this machine’s', async () => {
    const listener = new MetricsListener({ host: '203.0.113.1', port: 0 }, { metrics: new Metrics() });
    await expect(listener.start()).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'metricsListen' },
    });
  });
});
