import { isIP, isIPv6 } from 'node:net';
import { hasControlCharacters, invalidArgument, quoted } from './invalid-argument.ts';
import { type NodeRegistration, nodeRoles } from './topology.ts';

/** Bounds that keep one node's record, which every member of the cluster holds, small. */
const nodeIdCharactersMax = 128;
const labelsMax = 32;
const labelCharactersMax = 63;
const textCharactersMax = 256;
const weightMax = 10_000;
/** RFC 1035, section 2.3.4: what a host name and each of its labels may measure. */
const hostCharactersMax = 253;
/** Unsigned 64 bits, as on the wire. */
const u64Max = 2n ** 64n - 1n;
/** 0 is what an absent field reads as; the highest number could never be taken over by a newer process. */
const generationMax = u64Max - 1n;

/** Checks what a node says of itself; INVALID_ARGUMENT names the field, the reason and what would be right. */
export function validateRegistration(node: NodeRegistration): void {
  validateNodeId(node.id, 'node.id');
  validateGeneration(node.generationId, 'node.generation_id');
  validateRoles(node.roles);
  validateAddress(node.address);
  validateHttpUrl(node.httpUrl);
  validateLabels(node.labels);
  validateWeight(node.weight, 'node.weight');
  validateDisk(node);
  validateText('node.software_version', node.softwareVersion);
  // Sizes are JSON numbers for people's scripts.
  if (node.capacityBytes < 0n || node.capacityBytes > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw invalidArgument('node.capacity_bytes', String(node.capacityBytes), 'a byte count below 2^53');
  }
}

/** Checks a node id; INVALID_ARGUMENT names `field`. */
export function validateNodeId(id: string, field: string): void {
  if (/^[A-Za-z0-9._-]+$/.test(id) && id.length <= nodeIdCharactersMax) return;
  throw invalidArgument(field, quoted(id), `1 to ${nodeIdCharactersMax} characters of A-Z a-z 0-9 . _ -`);
}

/** Checks a generation id; INVALID_ARGUMENT names `field`. */
export function validateGeneration(generationId: bigint, field: string): void {
  if (generationId >= 1n && generationId <= generationMax) return;
  throw invalidArgument(
    field,
    String(generationId),
    `a number from 1 to ${generationMax} that rises with each start of the process`,
  );
}

/** Checks a node's share of the ring; INVALID_ARGUMENT names `field`. */
export function validateWeight(weight: number, field: string): void {
  if (Number.isInteger(weight) && weight >= 1 && weight <= weightMax) return;
  throw invalidArgument(field, String(weight), `a whole number from 1 to ${weightMax}`);
}

function validateRoles(roles: readonly string[]): void {
  const expected = `one or more of ${nodeRoles.join(', ')}, each once`;
  const unknown = roles.find((role) => !nodeRoles.some((known) => known === role));
  if (unknown !== undefined) throw invalidArgument('node.roles', quoted(unknown), expected);
  if (roles.length === 0 || new Set(roles).size !== roles.length) {
    throw invalidArgument('node.roles', roles.length === 0 ? 'empty' : 'a role twice', expected);
  }
}

/** Without the zone of an IPv6 address, which means something on one machine alone. */
function validateAddress(address: string): void {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(address);
  const [, bracketed, plain = '', digits] = match ?? [];
  const isHost = bracketed === undefined ? isHostName(plain) : isIPv6(bracketed) && !bracketed.includes('%');
  if (!isHost || !isPort(Number(digits))) {
    const expected = 'host:port or [IPv6 address]:port, with a port from 1 to 65535';
    throw invalidArgument('node.address', quoted(address), expected);
  }
}

/** An IPv4 address or a name; what is all digits and dots and no address would never resolve. */
function isHostName(host: string): boolean {
  if (isIP(host) === 4) return true;
  const labels = host.split('.');
  const isNamed = labels.every((label) => /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label));
  return isNamed && host.length <= hostCharactersMax && !/^\d+$/.test(labels.at(-1) ?? '');
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 65_535;
}

/** No user or password: every member of the cluster reads the record. */
function validateHttpUrl(url: string): void {
  if (url === '') return;
  const parsed = /^https?:\/\//i.test(url) && URL.canParse(url) ? new URL(url) : undefined;
  const hasSecret = parsed !== undefined && (parsed.username !== '' || parsed.password !== '');
  if (parsed === undefined || hasSecret || parsed.port === '0') {
    const reason = hasSecret ? 'with a user or password' : quoted(url);
    throw invalidArgument('node.http_url', reason, 'an http or https URL, or nothing');
  }
  validateText('node.http_url', url);
}

function validateLabels(labels: Readonly<Record<string, string>>): void {
  const entries = Object.entries(labels);
  if (entries.length > labelsMax)
    throw invalidArgument('node.labels', `${entries.length} labels`, `at most ${labelsMax} labels`);
  for (const [key, value] of entries) {
    if (!/^[a-z][a-z0-9._/-]*$/.test(key) || key.length > labelCharactersMax) {
      const expected = `names of 1 to ${labelCharactersMax} characters of a-z 0-9 . _ / -, a letter first`;
      throw invalidArgument('node.labels', quoted(key), expected);
    }
    if (value.length > labelCharactersMax || hasControlCharacters(value)) {
      throw invalidArgument(`node.labels.${key}`, quoted(value), `at most ${labelCharactersMax} printable characters`);
    }
  }
}

/** Only nodes that keep what the cluster counts on must tell their disk. */
function validateDisk({ diskId, roles }: NodeRegistration): void {
  if (diskId === '' && (roles.includes('object') || roles.includes('metadata'))) {
    throw invalidArgument('node.disk_id', 'empty', 'the identity of the data folder');
  }
  validateText('node.disk_id', diskId);
}

function validateText(field: string, text: string): void {
  if (text.length <= textCharactersMax && !hasControlCharacters(text)) return;
  throw invalidArgument(field, quoted(text), `at most ${textCharactersMax} printable characters`);
}
