import type { ServerResponse } from 'node:http';
import type { ErrorCode } from '../../base/error-codes.ts';
import { asStratumError, hasCode, type StratumError } from '../../base/errors.ts';
import { endResponse } from './request-body.ts';

/**
 * The HTTP status of each error; what is not named is 500. A conflict or a wrong name is the
 * client's to mend, an unavailable part is worth another try.
 */
const statusOf: Partial<Readonly<Record<ErrorCode, number>>> = {
  INVALID_ARGUMENT: 400,
  REF_NAME_INVALID: 400,
  PROTOCOL_ERROR: 400,
  PACK_INVALID: 400,
  REPO_NOT_FOUND: 404,
  NOT_FOUND: 404,
  REF_CONFLICT: 409,
  REPO_EXISTS: 409,
  VERSION_CONFLICT: 409,
  TOO_LARGE: 413,
  RATE_LIMITED: 429,
  UNIMPLEMENTED: 501,
  OVERLOADED: 503,
  NOT_READY: 503,
  NOT_PRIMARY: 503,
  REPO_MOVED: 503,
  NO_LEADER: 503,
  NO_QUORUM: 503,
  UNREACHABLE: 503,
  SHUTTING_DOWN: 503,
  INSUFFICIENT_REPLICAS: 503,
  STALE_EPOCH: 503,
  STALE_TERM: 503,
  DEADLINE_EXCEEDED: 504,
  DISK_FULL: 507,
};

/** Seconds that a client is told to wait when the error does not say. */
const retryAfterSeconds = 5;

/** The status that an error is answered with. */
export function httpStatusOf(error: unknown): number {
  return statusOf[asStratumError(error).code] ?? 500;
}

/** An error as text for the person behind a git client, who sees it as "remote: ..." lines. */
export function errorText(error: StratumError): string {
  const hint = error.hint ?? (error.row.retryable ? 'try again' : undefined);
  return `stratum: ${error.message}\n${hint === undefined ? '' : `hint: ${hint}\n`}`;
}

/** Answers with an error as plain text. A response that has begun is broken off instead: it must not look whole. */
export function answerError(response: ServerResponse, cause: unknown): void {
  if (response.destroyed || response.writableEnded) return;
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const error = asStratumError(cause);
  const status = httpStatusOf(error);
  if (status === 503) response.setHeader('Retry-After', retryAfter(error));
  answerText(response, status, errorText(error));
}

/** Answers with plain text. */
export function answerText(response: ServerResponse, status: number, text: string): void {
  const body = Buffer.from(text.endsWith('\n') ? text : `${text}\n`);
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': body.length,
    'Cache-Control': 'no-cache',
  });
  endResponse(response, body);
}

function retryAfter(error: StratumError): string {
  const ms = hasCode(error, 'OVERLOADED') || hasCode(error, 'RATE_LIMITED') ? error.details.retryAfterMs : 0;
  return String(Math.max(1, Math.ceil(ms / 1000) || retryAfterSeconds));
}
