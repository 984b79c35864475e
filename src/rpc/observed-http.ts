import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { blobHeaders, fromHttpError } from './blob-http.ts';
import type { ServiceObserver } from './observed-service.ts';

/** The calls of the object service that the requests for large blobs stand for; whatever else is asked is one thing. */
const methods = new Map([
  ['PUT', 'PutBlob'],
  ['GET', 'GetBlob'],
]);

/** Requests for large blobs (blob-http.ts), told to the observers of the object service as its calls. */
export function observedHttp(serve: RequestListener, observers: readonly ServiceObserver[]): RequestListener {
  if (observers.length === 0) return serve;
  return (request, response) => {
    const method = methods.get(request.method ?? '') ?? 'unknown';
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
