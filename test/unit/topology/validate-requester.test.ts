import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../src/base/errors.ts';
import type { Requester } from '../../../src/topology/commands.ts';
import { validateRequester } from '../../../src/topology/validate-requester.ts';
import { sampleRequester } from './any-command.ts';

describe('validateRequester', () => {
  it.each<[string, Partial<Requester>]>([
    ['an actor of one character', { actor: 'a' }],
    ['an actor of 128 characters', { actor: 'a'.repeat(128) }],
    ['a name in another script', { actor: 'Łukasz 王' }],
    ['no reason', { reason: '' }],
    ['a reason of 1,000 characters', { reason: 'r'.repeat(1_000) }],
  ])('accepts %s', (_, changes) => {
    expect(() => validateRequester({ ...sampleRequester, ...changes }, 'audit')).not.toThrow();
  });

  it.each<[string, Partial<Requester>, string]>([
    ['nobody', { actor: '' }, 'audit.actor'],
    ['an actor of 129 characters', { actor: 'a'.repeat(129) }, 'audit.actor'],
    ['an actor with a line end', { actor: 'a\nb' }, 'audit.actor'],
    ['an actor with an escape sequence', { actor: '\u001b[31m' }, 'audit.actor'],
    ['a reason of 1,001 characters', { reason: 'r'.repeat(1_001) }, 'audit.reason'],
    ['a reason with a NUL', { reason: '\0' }, 'audit.reason'],
    ['a reason with a C1 control', { reason: 'a\u0085' }, 'audit.reason'],
    ['a reason with a paragraph separator', { reason: 'a\u2029b' }, 'audit.reason'],
    ['an actor with a bidirectional override', { actor: 'a\u202eb' }, 'audit.actor'],
    ['a reason with a bidirectional embedding', { reason: 'a\u202ab' }, 'audit.reason'],
    ['a reason with a bidirectional isolate', { reason: 'a\u2066b' }, 'audit.reason'],
    ['a reason with the end of an isolate', { reason: 'a\u2069b' }, 'audit.reason'],
  ])('refuses %s and names the field', (_, changes, field) => {
    expect(() => validateRequester({ ...sampleRequester, ...changes }, 'audit')).toThrow(
      expect.toSatisfy((error) => hasCode(error, 'INVALID_ARGUMENT') && error.details.field === field),
    );
  });
});
