import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { afterEach, describe, expect, it } from 'vitest';
import { endOnAbort } from '../../../src/replication/end-on-abort.ts';
import { CoordinatorServiceService } from '../../../src/rpc/gen/stratum/v1/coordinator.ts';
import { ObjectServiceClient, ObjectServiceService } from '../../../src/rpc/gen/stratum/v1/object.ts';
import { GrpcServer } from '../../../src/rpc/grpc-server.ts';
import { duplex, unary } from '../../../src/rpc/handlers.ts';
import { reflectionService } from '../../../src/rpc/reflection-service.ts';
import { untilEnding } from '../../../src/rpc/until-ending.ts';
import { manualClock } from '../base/manual-clock.ts';

const started: GrpcServer[] = [];
afterEach(async () => {
  for (const server of started.splice(0)) await server.stop(AbortSignal.timeout(1000));
});

async function start(port = 0): Promise<GrpcServer> {
  const server = new GrpcServer({ host: '127.0.0.1', port });
  started.push(server);
  await server.start();
  return server;
}

interface HealthAnswer {
  readonly status: string;
}

function health(address: string, service: string): Promise<HealthAnswer> {
  const client = new Client(address, credentials.createInsecure());
  const { Check } = healthService as unknown as {
    Check: {
      path: string;
      requestSerialize: (request: { service: string }) => Buffer;
      responseDeserialize: (bytes: Buffer) => HealthAnswer;
    };
  };
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      Check.path,
      Check.requestSerialize,
      Check.responseDeserialize,
      { service },
      (error, answer) => {
        client.close();
        if (error !== null || answer === undefined) reject(error);
        else resolve(answer);
      },
    );
  });
}

describe('GrpcServer', () => {
  it('tells the port that the system chose', async () => {
    const server = await start();
    expect(server.address).toMatch(/^127\.0\.0\.1:[1-9]\d+$/);
  });

  it('refuses a port in use with an error that says what to do', async () => {
    const first = await start();
    const port = Number(first.address.split(':')[1]);
    await expect(start(port)).rejects.toMatchObject({ code: 'PORT_IN_USE', hint: expect.stringContaining('--listen') });
  });

  it('serves health for the process and for each service', async () => {
    const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
    started.push(server);
    server.add(CoordinatorServiceService, {});
    await server.start();
    await expect(health(server.address, '')).resolves.toMatchObject({ status: 'NOT_SERVING' });
    server.setServing(true);
    await expect(health(server.address, 'stratum.v1.CoordinatorService')).resolves.toMatchObject({ status: 'SERVING' });
  });

  it('ends a call that does not finish after a grace period, and has stopped then', async () => {
    const clock = manualClock();
    const server = new GrpcServer({ host: '127.0.0.1', port: 0 }, { clock });
    const begun = Promise.withResolvers<void>();
    const hang = () => {
      begun.resolve();
      return new Promise<never>(() => undefined);
    };
    server.add(ObjectServiceService, { hasBlobs: unary(hang) });
    await server.start();
    const client = new ObjectServiceClient(server.address, credentials.createInsecure());
    const call = new Promise((resolve) =>
      client.hasBlobs({ oids: [], verify: false }, (error) => resolve(error?.code)),
    );
    await begun.promise;
    const stopped = server.stop(new AbortController().signal);
    clock.advance(5_000);
    await stopped;
    expect(await call).not.toBeUndefined();
    client.close();
  });

  it('ends a stream that a client keeps open for later when it stops, without waiting for the grace period', async () => {
    const clock = manualClock();
    const server = new GrpcServer({ host: '127.0.0.1', port: 0 }, { clock });
    server.add(ObjectServiceService, {
      putBlobs: duplex(async function* (requests, { signal, ending }) {
        for await (const _ of untilEnding(endOnAbort(requests, signal), ending)) yield { results: [] };
      }),
    });
    await server.start();
    const client = new ObjectServiceClient(server.address, credentials.createInsecure());
    const stream = client.putBlobs(new Metadata());
    stream.write({ fence: undefined, blobs: [] });
    await once(stream, 'data');
    const ended = once(stream, 'end');
    stream.resume();
    await server.stop(new AbortController().signal);
    await ended;
    client.close();
  });

  it('answers 404 to HTTP/1.1 when nothing is served over it', async () => {
    const server = await start();
    const response = await fetch(`http://${server.address}/blobs/x`);
    expect(response.status).toBe(404);
  });

  it('serves HTTP/1.1 and gRPC on one port, whichever way the first bytes come', async () => {
    const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
    started.push(server);
    server.serveHttp((request, response) => response.end(request.url));
    await server.start();
    server.setServing(true);
    expect(await (await fetch(`http://${server.address}/here`)).text()).toBe('/here');
    await expect(health(server.address, '')).resolves.toMatchObject({ status: 'SERVING' });
    const [socket, said] = talk(server.address);
    for (const byte of 'PUT /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n') {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await said).toMatch(/^HTTP\/1\.1 200 [\s\S]*\/slow$/);
    const [preface, answered] = talk(server.address);
    for (const byte of 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n') {
      preface.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    // An empty SETTINGS frame; the server's own comes back.
    preface.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    const [first] = await once(preface, 'data');
    expect(first[3]).toBe(4);
    preface.destroy();
    await answered;
  });

  it('closes a connection that says nothing', async () => {
    const clock = manualClock();
    const server = new GrpcServer({ host: '127.0.0.1', port: 0 }, { clock });
    started.push(server);
    await server.start();
    const [, said] = talk(server.address);
    await expect.poll(() => clock.pendingTimers(), { timeout: 5_000 }).toBe(1);
    clock.advance(10_000);
    expect(await said).toBe('');
    expect(clock.pendingTimers()).toBe(0);
  });

  it('stops although a client keeps an idle connection of HTTP/1.1, and one that has said nothing', async () => {
    const server = new GrpcServer({ host: '127.0.0.1', port: 0 }, { clock: manualClock() });
    server.serveHttp((_, response) => response.end('here'));
    await server.start();
    const [idle, idleSaid] = talk(server.address);
    idle.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(idle, 'data');
    const [silent, silentSaid] = talk(server.address);
    await once(silent, 'connect');
    await server.stop(new AbortController().signal);
    await Promise.all([idleSaid, silentSaid]);
  });

  it('describes its services by reflection', async () => {
    const server = await start();
    const { reflectionClient, listServices } = await reflection(server.address);
    try {
      const names = await listServices();
      for (const name of ['CoordinatorService', 'ObjectService', 'MetadataService', 'RepairService']) {
        expect(names).toContain(`stratum.v1.${name}`);
      }
    } finally {
      reflectionClient.close();
    }
  });
});

/** A bare connection, and what was said on it by the time that it was closed. */
function talk(address: string): [Socket, Promise<string>] {
  const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
  let said = '';
  socket.on('data', (chunk) => {
    said += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  return [socket, new Promise((resolve) => socket.once('close', () => resolve(said)))];
}

/** A client of grpc.reflection.v1, from the descriptors that the library itself carries. */
async function reflection(address: string) {
  type Captured = {
    path: string;
    requestSerialize: (value: unknown) => Buffer;
    responseDeserialize: (bytes: Buffer) => unknown;
  };
  const captured: Captured[] = [];
  reflectionService().addToServer({
    addService: (definition: Record<string, Captured>) => void captured.push(...Object.values(definition)),
  } as never);
  const method = captured[0];
  if (method === undefined) throw new Error('the reflection library offers no service');
  const reflectionClient = new Client(address, credentials.createInsecure());
  const listServices = () =>
    new Promise<string[]>((resolve, reject) => {
      const call = reflectionClient.makeBidiStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
      );
      call.on('error', reject);
      call.on('data', (answer: { listServicesResponse?: { service: { name: string }[] } }) => {
        resolve((answer.listServicesResponse?.service ?? []).map(({ name }) => name));
        call.end();
      });
      call.write({ listServices: '' });
    });
  return { reflectionClient, listServices };
}
