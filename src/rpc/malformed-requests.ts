import type { ServiceDefinition } from '@grpc/grpc-js';
import { explain, StratumError } from '../base/errors.ts';

/** Stand-ins for requests that could not be read, and why. */
const malformed = new WeakMap<object, StratumError>();

/**
 * The service with requests that are read without throwing: grpc-js would answer bytes that are no
 * message with INTERNAL and nothing else, as if the bug were ours. The handlers answer them with
 * INVALID_ARGUMENT (assertReadable), as any other bad input.
 */
export function withReadableRequests(definition: ServiceDefinition): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => {
      const requestDeserialize = (bytes: Buffer): unknown => {
        try {
          return method.requestDeserialize(bytes);
        } catch (error) {
          return standIn(error);
        }
      };
      return [name, { ...method, requestDeserialize }];
    }),
  );
}

/** INVALID_ARGUMENT for a request whose bytes were no message of its type. */
export function assertReadable(request: unknown): void {
  if (typeof request !== 'object' || request === null) return;
  const error = malformed.get(request);
  if (error !== undefined) throw error;
}

function standIn(error: unknown): object {
  const request = {};
  const details = { field: 'request', reason: explain(error), expected: 'a message of the protocol' };
  malformed.set(
    request,
    new StratumError('INVALID_ARGUMENT', 'the request is no message of the protocol', details, { cause: error }),
  );
  return request;
}
