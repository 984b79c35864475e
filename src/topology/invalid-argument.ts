import { StratumError } from '../base/errors.ts';

/** INVALID_ARGUMENT with the field, what is wrong with it, and what would be right. */
export function invalidArgument(field: string, reason: string, expected: string): StratumError {
  return new StratumError('INVALID_ARGUMENT', `${field} is ${reason}: expected ${expected}`, {
    field,
    reason,
    expected,
  });
}

/** Text from outside as it may stand in a message: escaped, and cut when it is long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

/**
 * Whether text would break a line, drive a terminal, or turn the text around it: controls of both sets,
 * line and paragraph separators, bidirectional embeddings, overrides and isolates.
 */
export function hasControlCharacters(text: string): boolean {
  return /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u.test(text);
}
