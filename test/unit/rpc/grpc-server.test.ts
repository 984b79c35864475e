import { Client, credentials } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { afterEach, describe, expect, it } from 'vitest';
import { CoordinatorServiceService } from '../../../src/rpc/gen/stratum/v1/coordinator.ts';
import { ObjectServiceClient, ObjectServiceService } from '../../../src/rpc/gen/stratum/v1/object.ts';
import { GrpcServer } from '../../../src/rpc/grpc-server.ts';
import { unary } from '../../../src/rpc/handlers.ts';
import { reflectionService } from '../../../src/rpc/reflection-service.ts';
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
