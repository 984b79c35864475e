import { ObjectServiceService } from './gen/stratum/v1/object.ts';
import { withReadableRequests } from './malformed-requests.ts';
import { decodePutBlobsRequest, encodeGetBlobsResponse } from './small-blob-codec.ts';

const { putBlobs, getBlobs } = ObjectServiceService;

/** ObjectService as a process hosts it: bytes that are no message are bad input, and contents are not copied. */
export const objectServiceDefinition = withReadableRequests({
  ...ObjectServiceService,
  putBlobs: { ...putBlobs, requestDeserialize: decodePutBlobsRequest },
  getBlobs: { ...getBlobs, responseSerialize: encodeGetBlobsResponse },
});
