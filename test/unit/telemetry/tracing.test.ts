import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { Tracing, type TracingModules } from '../../../src/telemetry/tracing.ts';
import { manualClock } from '../base/manual-clock.ts';
import { recordingLog } from '../base/recording-log.ts';

interface SentSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
  readonly status: { readonly code?: number };
}

/** A collector of OTLP over HTTP, and what it was sent. */
async function collector() {
  const spans: SentSpan[] = [];
  const paths: (string | undefined)[] = [];
  const resources: SentSpan['attributes'][] = [];
  const { promise: asked, resolve: wasAsked } = Promise.withResolvers<void>();
  let hangs = false;
  const server = createServer(async (request, response) => {
    paths.push(request.url);
    wasAsked();
    if (hangs) return;
    const body = JSON.parse(Buffer.concat(await Array.fromAsync(request)).toString());
    for (const { resource, scopeSpans } of body.resourceSpans) {
      resources.push(resource.attributes);
      for (const scope of scopeSpans) spans.push(...scope.spans);
    }
    response.setHeader('content-type', 'application/json').end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    vi.unstubAllEnvs();
    server.close();
    server.closeAllConnections();
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `http://127.0.0.1:${bound.port}`);
  const hang = () => {
    hangs = true;
    return asked;
  };
  return { spans, paths, resources, hang };
}

function attributesOf(span: Pick<SentSpan, 'attributes'> | undefined): Record<string, unknown> {
  return Object.fromEntries((span?.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]));
}

function tracingOf(nodeId: string, modules: TracingModules = { clock: systemClock, log: recordingLog() }): Tracing {
  return new Tracing({ nodeId, version: '1' }, modules);
}

const call = { nodeId: 'o1', endpoint: '10.0.0.7:7480', method: 'put', blobCount: 1 };
const remote = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('Tracing', () => {
  it('sends the spans of both sides of a call, the one below the other, to the collector', async () => {
    const { spans, paths } = await collector();
    const caller = tracingOf('frontend-1');
    const server = tracingOf('o1');
    const outgoing = caller.calling(call);
    await outgoing.within(async () => {
      await Promise.resolve();
      const served = { method: 'PutBlob', isBidirectional: false, traceparent: caller.traceparent() };
      server.serving(served).ended('DISK_FULL');
    });
    outgoing.end('OK', 4_096);
    await Promise.all([caller.stop(), server.stop()]);
    const above = spans.find(({ name }) => name === 'object put');
    const below = spans.find(({ name }) => name === 'ObjectService.PutBlob');
    expect(below).toMatchObject({ traceId: above?.traceId, parentSpanId: above?.spanId, status: { code: 2 } });
    expect(attributesOf(below)).toMatchObject({ 'stratum.node': 'o1', 'stratum.result': 'DISK_FULL' });
    expect(attributesOf(above)).toEqual({
      'stratum.node': 'frontend-1',
      'stratum.peer': 'o1',
      'server.address': '10.0.0.7:7480',
      'rpc.method': 'put',
      'stratum.blobs': 1,
      'stratum.bytes': 4_096,
      'stratum.result': 'OK',
    });
    expect(new Set(paths)).toEqual(new Set(['/v1/traces']));
  });

  it.each([
    ['stratum', {}, 'stratum'],
    ['what OTEL_SERVICE_NAME says', { OTEL_SERVICE_NAME: 'blobs' }, 'blobs'],
    ['what OTEL_RESOURCE_ATTRIBUTES says', { OTEL_RESOURCE_ATTRIBUTES: 'service.name=ours' }, 'ours'],
  ])('is the service %s, and an instance by its node id', async (_, environment, name) => {
    const { resources } = await collector();
    for (const [key, value] of Object.entries(environment)) vi.stubEnv(key, value);
    const tracing = tracingOf('o1');
    tracing.calling(call).end('OK', 0);
    await tracing.stop();
    const attributes = attributesOf({ attributes: resources[0] ?? [] });
    expect(attributes).toMatchObject({ 'service.name': name, 'service.instance.id': 'o1', 'service.version': '1' });
  });

  it('knows its place only within a span, and each call its own', async () => {
    await collector();
    const tracing = tracingOf('frontend-1');
    const seen = async () => {
      await new Promise(setImmediate);
      return tracing.traceparent();
    };
    const [one, two] = [tracing.calling(call), tracing.calling(call)];
    const places = await Promise.all([one.within(seen), two.within(seen)]);
    expect(new Set(places).size).toBe(2);
    for (const place of places) expect(place).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(tracing.traceparent()).toBeUndefined();
    await tracing.stop();
  });

  it.each([
    ['no header', undefined, false],
    ['a header', remote, true],
    ['one of another version', remote.replace('00-', 'ff-'), false],
    ['one without a trace', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, false],
    ['nonsense', 'x'.repeat(10_000), false],
  ])('continues a trace, or begins one, for a caller with %s', async (_, traceparent, continues) => {
    const { spans } = await collector();
    const tracing = tracingOf('o1');
    tracing.serving({ method: 'GetBlob', isBidirectional: false, traceparent }).ended('OK');
    await tracing.stop();
    expect(spans).toHaveLength(1);
    expect(spans[0]?.parentSpanId === 'b7ad6b7169203331').toBe(continues);
    expect(spans[0]?.traceId === '0af7651916cd43dd8448eb211c80319c').toBe(continues);
  });

  it('leaves out what the caller does not sample, and streams of many callers', async () => {
    const { spans } = await collector();
    const tracing = tracingOf('o1');
    const unsampled = remote.replace(/01$/, '00');
    tracing.serving({ method: 'GetBlob', isBidirectional: false, traceparent: unsampled }).ended('OK');
    tracing.serving({ method: 'PutBlobs', isBidirectional: true, traceparent: remote }).ended('OK');
    await tracing.stop();
    expect(spans).toEqual([]);
  });

  it('says at its end that the collector is away, and does not fail', async () => {
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://127.0.0.1:1');
    onTestFinished(() => void vi.unstubAllEnvs());
    const log = recordingLog();
    const tracing = tracingOf('o1', { log, clock: systemClock });
    tracing.serving({ method: 'GetBlob', isBidirectional: false, traceparent: undefined }).ended('OK');
    await tracing.stop();
    expect(log.lines).toMatchObject([{ level: 'warn', message: 'the last spans could not be sent' }]);
  });

  it('does not wait long for a collector that hangs', async () => {
    const { hang } = await collector();
    const asked = hang();
    const log = recordingLog();
    const clock = manualClock();
    const tracing = tracingOf('o1', { log, clock });
    tracing.serving({ method: 'GetBlob', isBidirectional: false, traceparent: undefined }).ended('OK');
    const stopping = tracing.stop();
    await asked;
    clock.advance(3_000);
    await stopping;
    expect(log.lines).toMatchObject([{ level: 'warn' }]);
  });
});
