import { StratumError } from '../base/errors.ts';

/** A handler for an RPC that the contract names and this version does not have. */
export function unimplemented(method: string): () => Promise<never> {
  return () => Promise.reject(new StratumError('UNIMPLEMENTED', `${method} is not part of this version of Stratum`));
}

/** The same for an RPC that answers with a stream. */
export function unimplementedStream(method: string): () => AsyncIterable<never> {
  return () => ({
    [Symbol.asyncIterator]: () => ({ next: unimplemented(method) }),
  });
}
