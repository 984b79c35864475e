import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { failureWords, swapFailureWords } from '../../../../src/node/frontend/push-failure.ts';

const late = new StratumError('DEADLINE_EXCEEDED', 'no answer', { endpoint: 'm1' });
const notReady = new StratumError('NOT_READY', 'no primary yet', { what: 'partition 3' });
const tooLarge = new StratumError('TOO_LARGE', 'too many', { what: 'refs', limit: 1n });

describe('the words for a pusher', () => {
  it.each([
    [late, 'no answer; try again'],
    [notReady, 'no primary yet; try again'],
    [tooLarge, 'too many'],
  ])('before the swap say whether to try again: %s', (error, words) => {
    expect(failureWords(error)).toBe(words);
  });

  it.each([
    [late, 'outcome unknown: no answer; look whether it was done (git ls-remote) before you push again'],
    [notReady, 'not updated: no primary yet; try again'],
    [tooLarge, 'not updated: too many'],
  ])('after it tell what is certain from what is not: %s', (error, words) => {
    expect(swapFailureWords(error)).toBe(words);
  });
});
