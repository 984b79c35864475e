import type { ServiceDefinition } from '@grpc/grpc-js';
import { CoordinatorServiceService } from '../../rpc/gen/stratum/v1/coordinator.ts';
import { withReadableRequests } from '../../rpc/malformed-requests.ts';
import { serializeEvent } from './watch-events.ts';

/**
 * The coordinator service for the listener: the generated one, but the bytes of a watched event are
 * made once for all watchers, and bytes that are no message are refused as bad input.
 */
export const coordinatorDefinition: ServiceDefinition = withReadableRequests({
  ...CoordinatorServiceService,
  watchTopology: { ...CoordinatorServiceService.watchTopology, responseSerialize: serializeEvent },
});
