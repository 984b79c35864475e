import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { blobHeaders, blobPathPrefix, fromHttpError } from './blob-http.ts';
import { cachePathPrefix } from './cache-http.ts';
import type { ServiceObserver } from './observed-service.ts';

/** What of the object service is asked over HTTP; whatever else is asked is one thing. */
const subjects = [
  { prefix: blobPathPrefix, name: 'Blob' },
  { prefix: cachePathPrefix, name: 'CacheEntry' },
];
const verbs = new Map([
  ['PUT', 'Put'],
  ['GET', 'Get'],
]);

/** Requests for large blobs and cache entries (blob-http.ts, cache-http.ts), told to the observers of the object service as its calls. */
export function observedHttp(serve: RequestListener, observers: readonly ServiceObserver[]): RequestListener {
  if (observers.length === 0) return serve;
  return (request, response) => {
    const method = methodOf(request);
    const call = { method, isBidirectional: false, traceparent: traceparentOf(request) };
    const begun = observers.map((observer) => observer.serving(call));
    const said = listenForError(response);
    response.once('close', () => {
      const code = said() ?? (response.writableFinished ? 'OK' : 'CANCELLED');
      for (const observer of begun) observer.ended(code);
    });
    serve(request, response);
  };
}

function methodOf({ method = '', url = '' }: IncomingMessage): string {
  const subject = subjects.find(({ prefix }) => url.startsWith(prefix));
  const verb = verbs.get(method);
  return subject === undefined || verb === undefined ? 'unknown' : `${verb}${subject.name}`;
}

function traceparentOf({ headers }: IncomingMessage): string | undefined {
  return typeof headers.traceparent === 'string' ? headers.traceparent : undefined;
}

/** Gives the code of the error that is the answer, or its trailer; there is no event for what a response says. */
function listenForError(response: ServerResponse): () => string | undefined {
  let code: string | undefined;
  const addTrailers = response.addTrailers.bind(response);
  response.addTrailers = (trailers) => {
    const error = new Map(Object.entries(trailers)).get(blobHeaders.error);
    if (typeof error === 'string') code = fromHttpError(Buffer.from(error, 'base64')).code;
    addTrailers(trailers);
  };
  const end: (body?: unknown) => ServerResponse = response.end.bind(response);
  response.end = (body?: unknown) => {
    if (response.statusCode !== 200 && Buffer.isBuffer(body)) code = fromHttpError(body).code;
    return end(body);
  };
  return () => code;
}
