import { asStratumError, StratumError } from '../base/errors.ts';
import { frameKinds, frameOf } from './blob-frames.ts';
import { decodeErrorDetail, encodeErrorDetail } from './error-detail.ts';
import { ErrorDetail } from './gen/stratum/v1/errors.ts';

/** The last frame of a stream that fails: why. */
export function errorFrame(error: unknown): Buffer {
  return frameOf(frameKinds.error, ErrorDetail.encode(encodeErrorDetail(asStratumError(error))).finish());
}

/** The error that the payload of such a frame is; DATA_CORRUPT when it is none. */
export function errorOfFrame(payload: Buffer): StratumError {
  try {
    const detail = ErrorDetail.decode(payload);
    return detail.code === '' ? noError() : decodeErrorDetail(detail);
  } catch (cause) {
    return noError(cause);
  }
}

function noError(cause?: unknown): StratumError {
  return new StratumError('DATA_CORRUPT', 'the stream ended with a frame that is no error', undefined, { cause });
}
