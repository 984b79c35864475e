import { z } from 'zod';
import { GiB, KiB, MiB } from '../base/units.ts';
import { integer, type Setting, setting } from './setting.ts';

const byteCount = integer(0, 1_048_576 * GiB);

/** Settings of what a frontend keeps and does so that the hundredth clone costs almost nothing. */
export const cacheSettings: readonly Setting[] = [
  setting(
    'git.uploadPackTimeoutMs',
    'integer',
    integer(1_000, 86_400_000),
    1_800_000,
    'How long git may take for the response to one fetch.',
  ),
  setting(
    'cache.packBytesMax',
    'integer',
    byteCount,
    16 * GiB,
    'Largest sum of the responses to fetches that a frontend keeps; 0 keeps none.',
  ),
  setting(
    'cache.packEntryBytesMax',
    'integer',
    integer(KiB, 1_048_576 * GiB),
    4 * GiB,
    'A larger response is not kept.',
  ),
  setting(
    'cache.packMemoryBytesMax',
    'integer',
    integer(0, 1024 * GiB),
    256 * MiB,
    'What of them is kept in memory as well: those that are asked for often, up to half of it each.',
  ),
  setting(
    'cache.packAgeMaxMs',
    'integer',
    integer(1_000, 366 * 86_400_000),
    7 * 86_400_000,
    'A response that nobody asked for in this time is dropped.',
  ),
  setting(
    'cache.repositoryBytesMax',
    'integer',
    integer(MiB, 1_048_576 * GiB),
    64 * GiB,
    'Largest sum of the bare repositories that a frontend keeps; the least recently used go first.',
  ),
  setting(
    'cache.warming',
    'boolean',
    z.boolean(),
    true,
    'A push to a branch that was cloned shallowly in the last day prepares the response to the next clone.',
  ),
  setting(
    'maintenance.enabled',
    'boolean',
    z.boolean(),
    true,
    'Repositories with many packs are repacked in the background.',
  ),
];
