/** A request's audit that passes. */
export const audit = { actor: 'ada@desk', reason: 'disk is old', atMs: 0n };

/** The same as the topology records it. */
export const by = { actor: 'ada@desk', reason: 'disk is old' };

/** Audits that every administration RPC refuses, and the field that the refusal names. */
export const refusedAudits: readonly [string, { actor: string; reason: string; atMs: bigint } | undefined, string][] = [
  ['no audit', undefined, 'audit.actor'],
  ['no actor', { ...audit, actor: '' }, 'audit.actor'],
  ['an actor that breaks the line', { ...audit, actor: 'ada\nbob' }, 'audit.actor'],
  ['an actor beyond the limit', { ...audit, actor: 'a'.repeat(129) }, 'audit.actor'],
  ['a reason that drives a terminal', { ...audit, reason: '\u001b[2J' }, 'audit.reason'],
  ['a reason beyond the limit', { ...audit, reason: 'r'.repeat(1_001) }, 'audit.reason'],
];

/** Ids that no node can have. */
export const badNodeIds: readonly string[] = ['', 'a b', 'a\u0000', '../etc', 'é', 'x'.repeat(129)];
