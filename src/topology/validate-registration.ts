import { StratumError } from '../base/errors.ts';
import { type NodeRegistration, nodeRoles } from './topology.ts';

/** Bounds that keep one node's record, which every member of the cluster holds, small. */
const nodeIdCharactersMax = 128;
const labelsMax = 32;
const labelCharactersMax = 63;
const textCharactersMax = 256;
const weightMax = 10_000;
/** Unsigned 64 bits, as on the wire; 0 is what an absent field reads as. */
const generationMax = 2n ** 64n - 1n;

/** Checks what a node says of itself; INVALID_ARGUMENT names the field, the reason and what would be right. */
export function validateRegistration(node: NodeRegistration): void {
  validateNodeId(node.id, 'node.id');
  validateGeneration(node.generationId, 'node.generation_id');
  validateRoles(node.roles);
  validateAddress(node.address);
  validateHttpUrl(node.httpUrl);
  validateLabels(node.labels);
  if (!Number.isInteger(node.weight) || node.weight < 1 || node.weight > weightMax) {
    throw invalid('node.weight', String(node.weight), `a whole number from 1 to ${weightMax}`);
  }
  validateDisk(node);
  validateText('node.software_version', node.softwareVersion);
  if (node.capacityBytes < 0n || node.capacityBytes > generationMax) {
    throw invalid('node.capacity_bytes', String(node.capacityBytes), 'a byte count');
  }
}

/** Checks a node id; INVALID_ARGUMENT names `field`. */
export function validateNodeId(id: string, field: string): void {
  if (/^[A-Za-z0-9._-]+$/.test(id) && id.length <= nodeIdCharactersMax) return;
  throw invalid(field, quoted(id), `1 to ${nodeIdCharactersMax} characters of A-Z a-z 0-9 . _ -`);
}

/** Checks a generation id; INVALID_ARGUMENT names `field`. */
export function validateGeneration(generationId: bigint, field: string): void {
  if (generationId >= 1n && generationId <= generationMax) return;
  throw invalid(field, String(generationId), 'a number above 0 that rises with each start of the process');
}

function validateRoles(roles: readonly string[]): void {
  const expected = `one or more of ${nodeRoles.join(', ')}, each once`;
  const unknown = roles.find((role) => !nodeRoles.some((known) => known === role));
  if (unknown !== undefined) throw invalid('node.roles', quoted(unknown), expected);
  if (roles.length === 0 || new Set(roles).size !== roles.length) {
    throw invalid('node.roles', roles.length === 0 ? 'empty' : 'a role twice', expected);
  }
}

function validateAddress(address: string): void {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(address);
  const port = Number(match?.[2]);
  if (match === null || port < 1 || port > 65_535 || address.length > textCharactersMax) {
    throw invalid('node.address', quoted(address), 'host:port with a port from 1 to 65535');
  }
}

function validateHttpUrl(url: string): void {
  if (url === '') return;
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const isHttp = parsed?.protocol === 'http:' || parsed?.protocol === 'https:';
  if (!isHttp || url.length > textCharactersMax || hasControlCharacters(url)) {
    throw invalid('node.http_url', quoted(url), 'an http or https URL, or nothing');
  }
}

function validateLabels(labels: Readonly<Record<string, string>>): void {
  const entries = Object.entries(labels);
  if (entries.length > labelsMax)
    throw invalid('node.labels', `${entries.length} labels`, `at most ${labelsMax} labels`);
  for (const [key, value] of entries) {
    if (!/^[a-z][a-z0-9._/-]*$/.test(key) || key.length > labelCharactersMax) {
      const expected = `names of 1 to ${labelCharactersMax} characters of a-z 0-9 . _ / -, a letter first`;
      throw invalid('node.labels', quoted(key), expected);
    }
    if (value.length > labelCharactersMax || hasControlCharacters(value)) {
      throw invalid(`node.labels.${key}`, quoted(value), `at most ${labelCharactersMax} printable characters`);
    }
  }
}

/** Only nodes that keep what the cluster counts on must tell their disk. */
function validateDisk({ diskId, roles }: NodeRegistration): void {
  if (diskId === '' && (roles.includes('object') || roles.includes('metadata'))) {
    throw invalid('node.disk_id', 'empty', 'the identity of the data folder');
  }
  validateText('node.disk_id', diskId);
}

function validateText(field: string, text: string): void {
  if (text.length <= textCharactersMax && !hasControlCharacters(text)) return;
  throw invalid(field, quoted(text), `at most ${textCharactersMax} printable characters`);
}

function hasControlCharacters(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

function invalid(field: string, reason: string, expected: string): StratumError {
  return new StratumError('INVALID_ARGUMENT', `${field} is ${reason}: expected ${expected}`, {
    field,
    reason,
    expected,
  });
}
