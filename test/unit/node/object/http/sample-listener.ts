import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { request as startRequest } from 'node:http';
import { connect } from 'node:net';
import type { StratumError } from '../../../../../src/base/errors.ts';
import { blobRequests } from '../../../../../src/node/object/http/blob-requests.ts';
import { fromHttpError, requestChecksum } from '../../../../../src/rpc/blob-http.ts';
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
  /**
   * A bare connection on which this was sent. `answered` resolves when the listener has begun to answer, `closed`
   * when it has closed the connection, with what it said.
   */
  say(text: string | Buffer): { readonly answered: Promise<unknown>; readonly closed: Promise<string>; end(): void };
  stop(): Promise<void>;
}

/** Requests for the blobs of a sample node, on a real listener. */
export async function sampleListener(options: Parameters<typeof blobRequests>[1] = {}): Promise<SampleListener> {
  const node = await sampleObject();
  const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
  server.serveHttp(blobRequests(node, options));
  await server.start();
  const port = Number(server.address.split(':')[1]);
  return {
    node,
    port,
    ask: async (method, path, headers = {}, body) => {
      const checksum = { 'stratum-checksum': requestChecksum({ method, path }, headers) };
      const request = startRequest({ port, method, path, headers: { ...checksum, ...headers }, agent: false });
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
        answered: new Promise((resolve) => socket.once('data', resolve)),
        closed: new Promise((resolve) => socket.once('close', () => resolve(said))),
        end: () => socket.destroy(),
      };
    },
    stop: async () => {
      await server.stop(AbortSignal.abort());
      // A request whose connection has gone may still be putting its fence on disk, in the folder to be removed.
      await node.fence.raise(node.fence.highest);
      await node.remove();
    },
  };
}

/** The head of a request as it goes over the wire. */
export function headOf(method: string, path: string, headers: Record<string, string>): string {
  const checksum = requestChecksum({ method, path }, headers);
  const lines = Object.entries({ host: 'x', ...headers, 'stratum-checksum': checksum });
  return `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

/** Files and sockets that this process has open. */
export async function openDescriptors(): Promise<number> {
  return (await readdir('/proc/self/fd')).length;
}
