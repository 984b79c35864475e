import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Clock } from '../../base/clock.ts';
import type { Oid } from '../../base/oid.ts';
import {
  answerChecksum,
  type BlobRequestLine,
  blobHeaders,
  blobPathPrefix,
  requestChecksum,
} from '../../rpc/blob-http.ts';
import type { BlobSource } from '../blob-source.ts';
import type { BlobStream, ByteRange, Fence, NodeCallOptions } from '../node-io.ts';
import { answeredError } from './answered-error.ts';
import { CallLife, type CallPlace } from './call-life.ts';
import { garbled } from './connection-error.ts';
import { HttpBlobChunks } from './http-blob-chunks.ts';
import { answerTo, bodyOf, NodeHttp, type NodeHttpModules, sendWhenAsked } from './node-http.ts';

/** What the requests are made with. */
export interface HttpBlobsModules extends NodeHttpModules {
  readonly clock: Clock;
}

/** Large blobs to and from one node, over HTTP/1.1; src/rpc/blob-http.ts describes the requests. */
export class HttpBlobs {
  readonly #endpoint: string;
  readonly #clock: Clock;
  readonly #http: NodeHttp;

  constructor(options: { readonly endpoint: string }, modules: HttpBlobsModules) {
    this.#endpoint = options.endpoint;
    this.#clock = modules.clock;
    this.#http = new NodeHttp({ ...options, requestChecksum, answerChecksum }, modules);
  }

  /** See NodeWriter.put. */
  async put(source: BlobSource, fence: Fence, options: NodeCallOptions): Promise<{ readonly existed: boolean }> {
    const place = { endpoint: this.#endpoint, method: 'PUT of a blob' };
    const life = new CallLife(options, place, { clock: this.#clock });
    try {
      const headers = {
        'content-length': source.size,
        expect: '100-continue',
        [blobHeaders.term]: `${fence.term}`,
        [blobHeaders.ringEpoch]: `${fence.ringEpoch}`,
      };
      const request = this.#http.request(lineOf('PUT', source.oid), headers, options.timeoutMs);
      const { response, body } = await sendWhenAsked(request, source, { signal: life.signal, place });
      if (response.statusCode !== 200) throw answeredError(body, source.oid, place);
      this.#http.checkAnswer(request, response, place);
      return { existed: response.headers[blobHeaders.existed] === 'true' };
    } finally {
      life.end();
    }
  }

  /** See NodeReader.get; `range.length` is not 0. */
  async get(oid: Oid, range: ByteRange, options: NodeCallOptions): Promise<BlobStream> {
    const place = { endpoint: this.#endpoint, method: 'GET of a blob' };
    const life = new CallLife(options, place, { clock: this.#clock });
    try {
      const last = range.length === undefined ? '' : range.offset + range.length - 1;
      const headers = range.offset === 0 && last === '' ? {} : { range: `bytes=${range.offset}-${last}` };
      const request = this.#http.request(lineOf('GET', oid), headers, options.timeoutMs);
      request.end();
      const call = { signal: life.signal, place };
      const response = await answerTo(request, call);
      if (response.statusCode !== 200) throw answeredError(await bodyOf(response, call), oid, place);
      const size = this.#sizeOf(request, response, place, range.offset);
      const rest = size - range.offset;
      const bytes = Math.min(rest, range.length ?? rest);
      return { size, chunks: new HttpBlobChunks({ oid, bytes, place }, { response, life }) };
    } catch (error) {
      life.end();
      throw error;
    }
  }

  /** Closes all connections; calls in flight fail. */
  close(): void {
    this.#http.close();
  }

  /** The size of the whole blob that an answer gives; DATA_CORRUPT for none, and for one that does not reach to `offset`. */
  #sizeOf(request: ClientRequest, response: IncomingMessage, place: CallPlace, offset: number): number {
    try {
      this.#http.checkAnswer(request, response, place);
      const text = response.headers[blobHeaders.size];
      const size = typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
      if (size === undefined || !Number.isSafeInteger(size)) throw garbled(place, 'no size');
      if (size < offset) throw garbled(place, `${size} bytes where byte ${offset} was asked for`);
      return size;
    } catch (error) {
      response.destroy();
      throw error;
    }
  }
}

function lineOf(method: string, oid: Oid): BlobRequestLine {
  return { method, path: `${blobPathPrefix}${oid}` };
}
