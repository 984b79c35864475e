import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { answerError, errorText, httpStatusOf } from '../../../../src/node/frontend/http-errors.ts';
import { head, rawRequest } from './raw-http.ts';

describe('httpStatusOf', () => {
  it.each([
    [new StratumError('REPO_NOT_FOUND', 'x', { kind: 'repository', id: 'x' }), 404],
    [new StratumError('INVALID_ARGUMENT', 'x', { field: 'x', reason: 'y' }), 400],
    [new StratumError('PROTOCOL_ERROR', 'x'), 400],
    [new StratumError('TOO_LARGE', 'x', { what: 'x', limit: 1n }), 413],
    [new StratumError('OVERLOADED', 'x', { retryAfterMs: 1 }), 503],
    [new StratumError('DEADLINE_EXCEEDED', 'x', { endpoint: 'x' }), 504],
    [new StratumError('DATA_CORRUPT', 'x'), 500],
    [new Error('a bug'), 500],
  ])('%s is %i', (error, status) => {
    expect(httpStatusOf(error)).toBe(status);
  });
});

describe('answerError', () => {
  async function answered(error: unknown, begin = false) {
    const server = createServer((_, response) => {
      if (begin) response.write('half');
      answerError(response, error);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    try {
      return await rawRequest(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, head('GET', '/'));
    } finally {
      server.close();
    }
  }

  it('says what and what to do as plain text', async () => {
    const error = new StratumError('OVERLOADED', 'too much', { retryAfterMs: 1500 }, { hint: 'Come back.' });
    const answer = await answered(error);
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '2' } });
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(answer.body.toString()).toBe('stratum: too much\nhint: Come back.\n');
    expect(errorText(error)).toBe(answer.body.toString());
  });

  it('breaks a response that has begun', async () => {
    expect(await answered(new Error('later'), true)).toMatchObject({ whole: false });
  });
});
