import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { freeBytesOf } from '../../../src/store/free-bytes.ts';

it('tells what is free on the disk of a folder, and nothing of a folder that is not there', async () => {
  expect(await freeBytesOf(tmpdir())).toBeGreaterThan(0);
  expect(await freeBytesOf('/nowhere/at/all')).toBeUndefined();
});
