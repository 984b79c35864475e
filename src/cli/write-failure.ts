import { getSystemErrorMessage } from 'node:util';
import { StratumError, systemCode } from '../base/errors.ts';

/** What a full disk and a used-up quota are called. */
const fullCodes: readonly (string | undefined)[] = ['ENOSPC', 'EDQUOT'];

/** The error of a command that could not write what it found: DISK_FULL where room is lacking, else INTERNAL. */
export function writeFailure(where: string, error: Error): StratumError {
  const message = `cannot write to ${where}: ${systemReason(error)}`;
  if (!isFull(error)) return new StratumError('INTERNAL', message, undefined, { cause: error });
  const details = { what: `bytes that ${where} still takes`, limit: 0n };
  return new StratumError('DISK_FULL', message, details, { cause: error });
}

/** Whether a write failed for want of room. */
export function isFull(error: unknown): boolean {
  return fullCodes.includes(systemCode(error));
}

/** The system's words for an error, without the call and the path, which need not be those that somebody typed. */
export function systemReason(error: Error): string {
  return 'errno' in error && typeof error.errno === 'number' ? getSystemErrorMessage(error.errno) : error.message;
}
