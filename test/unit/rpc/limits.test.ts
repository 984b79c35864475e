import { expect, it } from 'vitest';
import { MiB } from '../../../src/base/units.ts';
import { receivedBytesMaxOf, smallBlobsBytesMax } from '../../../src/rpc/limits.ts';

it.each([
  [['frontend'], MiB],
  [['coordinator'], MiB],
  [['object'], smallBlobsBytesMax + MiB],
  [['object', 'coordinator'], smallBlobsBytesMax + MiB],
  [['metadata'], 64 * MiB],
  [['metadata', 'object', 'frontend'], 64 * MiB],
])('a process of the roles %j takes in messages of up to %i bytes', (roles, bytes) => {
  expect(receivedBytesMaxOf(roles)).toBe(bytes);
});
