import { describe, expect, it } from 'vitest';
import { assertChangeSize, packChangesMax, refCommandsMax } from '../../../src/client/metadata-limits.ts';
import { UpdateRefsRequest, UpdateRefsResponse } from '../../../src/rpc/gen/stratum/v1/metadata.ts';
import { messageBytesMax } from '../../../src/rpc/limits.ts';
import { command, pack } from '../node/metadata/sample-metadata.ts';

describe('assertChangeSize', () => {
  it('tells no fewer bytes than a push or its answer takes', () => {
    const commands = Array.from({ length: 5_000 }, (_, at) => command(`refs/heads/some/branch-${at}`, '1', '2'));
    const packs = [pack(1), pack(2)];
    const bytes = assertChangeSize(commands, packs);
    const request = UpdateRefsRequest.create({ commands, packs });
    const results = commands.map(({ name }) => ({
      name,
      updated: false,
      errorCode: 'REF_CONFLICT',
      errorMessage: `cannot lock ref '${name}': is at ${'1'.repeat(64)} but expected ${'2'.repeat(64)}`,
    }));
    expect(bytes).toBeGreaterThan(UpdateRefsRequest.encode(request).finish().length);
    expect(bytes).toBeGreaterThan(UpdateRefsResponse.encode(UpdateRefsResponse.create({ results })).finish().length);
  });

  it('lets through as many commands as are allowed, with names of usual length', () => {
    const commands = Array.from({ length: refCommandsMax }, () => command(`refs/heads/${'x'.repeat(80)}`, '1', '2'));
    expect(assertChangeSize(commands, [])).toBeLessThan(messageBytesMax);
  });

  it.each([
    ['commands', Array.from({ length: refCommandsMax + 1 }, () => command('refs/heads/a', '', '1')), []],
    ['packs', [], Array.from({ length: packChangesMax + 1 }, () => 'name')],
    ['bytes', Array.from({ length: 50_000 }, () => command(`refs/heads/${'x'.repeat(1_000)}`, '', '1')), []],
  ])('refuses too many %s with the limit', (_, commands, packs) => {
    expect(() => assertChangeSize(commands, packs)).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE', details: expect.objectContaining({ limit: expect.any(BigInt) }) }),
    );
  });
});
