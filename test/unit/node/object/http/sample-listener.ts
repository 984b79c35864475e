import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { request as startRequest } from 'node:http';
import { connect } from 'node:net';
import type { StratumError } from '../../../../../src/base/errors.ts';
import { blobRequests } from '../../../../../src/node/object/http/blob-requests.ts';
import { fromHttpError } from '../../../../../src/rpc/blob-http.ts';
import { GrpcServer } from '../../../../../src/rpc/grpc-server.ts';
import { fence, type SampleObject, sampleObject } from '../sample-object.ts';

/** Headers that every request needs. */
export const time = { 'stratum-timeout-ms': '10000' };

/** Headers of a put. */
export const fenced = { ...time, 'stratum-term': `${fence.term}`, 'stratum-ring-epoch': `${fence.ringEpoch}` };

export interface Answer {
  readonly status: number | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly trailers: NodeJS.Dict<string>;
  readonly body: Buffer;
  /** The error that the body is, unless the status is 200. */
  readonly error: StratumError | undefined;
}

export interface SampleListener {
  readonly node: SampleObject;
  readonly port: number;
  /** Sends a request as a rude client could. */
  ask(method: string, path: string, headers?: Record<string, string>, body?: Buffer): Promise<Answer>;
  /** A bare connection on which this was sent; resolves when the listener has closed it, with what it said. */
  say(text: string | Buffer): { readonly closed: Promise<string>; end(): void };
  stop(): Promise<void>;
}

/** Requests for the blobs of a sample node, on a real listener. */
export async function sampleListener(): Promise<SampleListener> {
  const node = await sampleObject();
  const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
  server.serveHttp(blobRequests(node));
  await server.start();
  const port = Number(server.address.split(':')[1]);
  return {
    node,
    port,
    ask: async (method, path, headers = {}, body) => {
      const request = startRequest({ port, method, path, headers, agent: false });
      request.end(body);
      const [response] = await once(request, 'response');
      const got = Buffer.concat(await Array.fromAsync<Buffer>(response));
      const error = response.statusCode === 200 ? undefined : fromHttpError(got);
      const { statusCode: status, headers: answered, trailers } = response;
      return { status, headers: answered, trailers, body: got, error };
    },
    say: (text) => {
      const socket = connect(port, '127.0.0.1');
      socket.write(text);
      socket.on('error', () => undefined);
      let said = '';
      socket.on('data', (chunk) => {
        said += chunk.toString('latin1');
      });
      return {
        closed: new Promise((resolve) => socket.once('close', () => resolve(said))),
        end: () => socket.destroy(),
      };
    },
    stop: async () => {
      await server.stop(AbortSignal.abort());
      await node.remove();
    },
  };
}

/** Files and sockets that this process has open. */
export async function openDescriptors(): Promise<number> {
  return (await readdir('/proc/self/fd')).length;
}
