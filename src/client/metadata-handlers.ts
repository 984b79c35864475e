import type { CallContext } from '../rpc/handlers.ts';
import type { MetadataApi } from './metadata-api.ts';

/** Name of a method of the metadata service. */
export type MetadataMethodName = keyof MetadataApi;

/** The request of a method. */
export type MetadataRequest<Name extends MetadataMethodName> = Parameters<MetadataApi[Name]>[0];

/** The response of a method. */
export type MetadataResponse<Name extends MetadataMethodName> = Awaited<ReturnType<MetadataApi[Name]>>;

/**
 * The metadata service of one node, as its handlers give it: over gRPC, and straight to callers in
 * the same process. Answers may share memory with the node and must not be changed.
 */
export type MetadataHandlers = {
  readonly [Name in MetadataMethodName]: (
    request: MetadataRequest<Name>,
    call: CallContext,
  ) => Promise<MetadataResponse<Name>>;
};
