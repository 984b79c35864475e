import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { Health } from '../../../../src/node/frontend/health.ts';
import { type Fixture, startFixture } from './frontend-fixture.ts';
import { head, rawRequest } from './raw-http.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.stop());

const ask = async () => {
  const answer = await rawRequest(fixture.frontend.url, head('GET', '/healthz'));
  return { status: answer.status, text: answer.body.toString() };
};

describe('GET /healthz', () => {
  it('is 200 while the frontend can do its part, also when a metadata node cannot be reached', async () => {
    expect(await ask()).toEqual({ status: 200, text: 'ok\n' });
    fixture.metadata.before = () => {
      throw new StratumError('UNREACHABLE', 'm1 cannot be reached', { endpoint: 'm1' });
    };
    expect(await ask()).toEqual({ status: 200, text: 'ok\n' });
  });

  it.each([
    ['the cluster is still forming, or no coordinator has been heard', false, new AbortController().signal],
    ['the frontend is stopping', true, AbortSignal.abort()],
  ])('is 503 when %s', async (reason, ready, stopping) => {
    const health = new Health({ ready: () => ready, stopping });
    let status = 0;
    let text = '';
    const response = {
      writeHead: (code: number) => {
        status = code;
      },
      end: (body: Buffer) => {
        text = body.toString();
      },
      req: { headers: {}, complete: true },
    };
    health.serve(response as never);
    expect({ status, text }).toEqual({ status: 503, text: `not ready: ${reason}\n` });
  });
});
