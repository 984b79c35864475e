import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { AnyFrontend, likelyFirst } from '../../../src/cli/any-frontend.ts';
import { FakeFrontend } from './fake-frontend.ts';
import { sampleNode, sampleTopology } from './sample-topology.ts';

const interrupted = new AbortController().signal;

/** A frontend's own silence, or what it answers. */
const away = 'away' as const;
type Failure = StratumError | typeof away | undefined;

function frontends(...failures: Failure[]): FakeFrontend[] {
  return failures.map((failure, index) => {
    const frontend = new FakeFrontend(`frontend-${index + 1}`);
    const { endpoint } = frontend;
    frontend.error = failure === away ? new StratumError('UNREACHABLE', 'nobody there', { endpoint }) : failure;
    return frontend;
  });
}

const old = new StratumError('UNIMPLEMENTED', 'too old');
const full = new StratumError('OVERLOADED', 'the queue is full', { retryAfterMs: 1 });

const nameOf = (any: AnyFrontend) =>
  any.ask(async (frontend) => {
    await frontend.cacheStats(interrupted);
    return frontend.nodeId;
  });

describe('AnyFrontend', () => {
  it.each([
    ['the first', [undefined, undefined], 'frontend-1'],
    ['the one after a silent one', [away, undefined], 'frontend-2'],
    ['the one after an old and a silent one', [old, away, undefined], 'frontend-3'],
  ])('asks %s', async (_what, failures, expected) => {
    const any = new AnyFrontend(frontends(...failures), { interrupted });
    expect(await nameOf(any)).toBe(expected);
    expect(await nameOf(any)).toBe(expected);
    expect(any.isExhausted).toBe(false);
  });

  it('does not ask again who was silent', async () => {
    const [first, second] = frontends(away, undefined);
    const any = new AnyFrontend(
      [first, second].filter((each) => each !== undefined),
      { interrupted },
    );
    await nameOf(any);
    if (first !== undefined) first.error = undefined;
    expect(await nameOf(any)).toBe('frontend-2');
  });

  it('takes a refusal for an answer', async () => {
    const any = new AnyFrontend(frontends(full, undefined), { interrupted });
    await expect(nameOf(any)).rejects.toBe(full);
    expect(any.isExhausted).toBe(false);
  });

  it.each([
    ['a call that failed', 'UNREACHABLE', { endpoint: 'frontend-1.test:7480', method: 'FrontendService.WarmCache' }],
    ['a call without an answer', 'DEADLINE_EXCEEDED', { endpoint: 'frontend-1.test:7480', method: 'MaintainRepo' }],
  ] as const)('passes over whom the details of %s name', async (_what, code, details) => {
    const error = new StratumError(code, 'silence', details);
    expect(await nameOf(new AnyFrontend(frontends(error, undefined), { interrupted }))).toBe('frontend-2');
  });

  it.each([
    ['a silent metadata node', 'DEADLINE_EXCEEDED', { endpoint: 'metadata-1.test:7480', method: 'GetRepo' }],
    ['a metadata node that is away', 'UNREACHABLE', { endpoint: 'metadata-1.test:7480' }],
    ['a write without an outcome', 'DEADLINE_EXCEEDED', { endpoint: '', method: 'AcquireMaintenance' }],
    ['silent metadata of the same node', 'UNREACHABLE', { endpoint: 'frontend-1.test:7480', method: 'GetRepo' }],
  ] as const)(
    'takes the word of a frontend about %s for an answer, and asks it again',
    async (_what, code, details) => {
      const error = new StratumError(code, 'silence', details);
      const [first, second] = frontends(error, undefined);
      if (first === undefined || second === undefined) throw new Error('two are made');
      const any = new AnyFrontend([first, second], { interrupted });
      await expect(nameOf(any)).rejects.toBe(error);
      expect(any.isExhausted).toBe(false);
      first.error = undefined;
      expect(await nameOf(any)).toBe('frontend-1');
    },
  );

  it.each([
    ['the only one', [away], 'UNREACHABLE', /^nobody there$/],
    ['all that are too old', [old, old], 'UNIMPLEMENTED', /^too old$/],
    ['each of several', [old, away], 'UNREACHABLE', /frontend-1: too old; frontend-2: nobody there/],
    ['that there is none', [], 'NOT_READY', /no frontend has registered/],
  ])('says of %s why nobody can be asked', async (_what, failures, code, message) => {
    const any = new AnyFrontend(frontends(...failures), { interrupted });
    await expect(nameOf(any)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(any.isExhausted).toBe(true);
  });

  it('asks nobody else when it is interrupted', async () => {
    const stop = new AbortController();
    const any = new AnyFrontend(frontends(undefined, undefined), { interrupted: stop.signal });
    const asked: string[] = [];
    const reason = new Error('interrupted');
    const asking = any.ask(async ({ nodeId }) => {
      asked.push(nodeId);
      stop.abort(reason);
      throw new StratumError('UNREACHABLE', 'nobody there', { endpoint: 'frontend-1.test:7480' });
    });
    await expect(asking).rejects.toBe(reason);
    expect(asked).toEqual(['frontend-1']);
  });
});

describe('the order in which frontends are tried', () => {
  it('begins with those that the cluster takes for up', () => {
    const nodes = [
      sampleNode('frontend-1', 'frontend', { state: 'DOWN' }),
      sampleNode('frontend-2', 'frontend', { state: 'ACTIVE' }),
      sampleNode('frontend-3', 'frontend', { state: 'SUSPECT' }),
    ];
    const topology = sampleTopology({}, { nodes: new Map(nodes.map((node) => [node.id, node])) });
    const all = frontends(undefined, undefined, undefined);
    expect(likelyFirst(all, topology).map(({ nodeId }) => nodeId)).toEqual(['frontend-2', 'frontend-1', 'frontend-3']);
  });
});
