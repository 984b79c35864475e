import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { StratumError } from '../base/errors.ts';
import type { Durability } from '../store/durability.ts';
import type { LogLevel } from '../telemetry/log.ts';
import { type NodeRole, nodeRoles } from '../topology/topology.ts';
import type { FrontendCacheOptions } from './frontend/frontend-options.ts';
import type { Setting } from './setting.ts';
import { flagOf, settings, variableOf } from './settings.ts';

/** The configuration of one process. Times in milliseconds, sizes in bytes. */
export interface NodeConfig {
  /** Undefined: the name kept in the data folder, else {@link defaultNodeId}. */
  readonly nodeId: string | undefined;
  readonly roles: readonly NodeRole[];
  readonly dataDir: string;
  readonly listen: string;
  readonly advertise: string | undefined;
  readonly httpListen: string;
  readonly coordinators: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly weight: number;
  readonly insecureListen: boolean;
  readonly logLevel: LogLevel;
  readonly exitWithParent: boolean;
  readonly cluster: {
    readonly partitions: number;
    readonly replicationFactor: number;
    readonly writeQuorum: number;
    readonly virtualNodes: number;
    readonly bootstrapExpectObject: number;
    readonly bootstrapExpectMetadata: number;
    readonly metadataReplicas: number;
  };
  readonly timings: {
    readonly heartbeatIntervalMs: number;
    readonly suspectTimeoutMs: number;
    readonly downTimeoutMs: number;
    readonly metadataLeaseMs: number;
    readonly detectorTickMs: number;
    readonly leaderGraceMs: number;
    readonly joiningTimeoutMs: number;
    readonly leaderLeaseMs: number;
    readonly heartbeatBatchMs: number;
  };
  /** Which etcd the coordinators share; neither endpoints nor peers: the embedded store of a single coordinator. */
  readonly etcd: {
    readonly endpoints: readonly string[];
    readonly prefix: string;
    readonly username: string | undefined;
    readonly passwordFile: string | undefined;
    readonly caFile: string | undefined;
    readonly certFile: string | undefined;
    readonly keyFile: string | undefined;
    /** host:port by node id. */
    readonly peers: Readonly<Record<string, string>>;
    readonly peerListen: string | undefined;
    readonly clientListen: string | undefined;
    readonly binary: string | undefined;
  };
  readonly metricsListen: string | undefined;
  readonly object: { readonly freeBytesMin: number; readonly cacheBytesMax: number; readonly durability: Durability };
  /** What a frontend remembers of replicas that missed blobs. */
  readonly hints: { readonly bytesMax: number; readonly ageMaxMs: number };
  readonly git: {
    readonly createOnPush: boolean;
    readonly receivePackBytesMax: number;
    readonly processesMax: number;
    readonly uploadPackTimeoutMs: number;
  };
  /** What a frontend keeps; nothing of it is the only copy. */
  readonly cache: FrontendCacheOptions;
  readonly maintenance: { readonly enabled: boolean };
}

/** Where a configuration comes from; a flag wins over a variable, a variable over the file. */
export interface ConfigSources {
  /** Path of a YAML file. */
  readonly file?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Values by setting path ("cluster.partitions"), as text or already parsed. */
  readonly flags?: Readonly<Record<string, unknown>>;
}

interface Given {
  readonly value: unknown;
  /** For errors: "--listen", "STRATUM_LISTEN" or "node.yaml:4". */
  readonly origin: string;
}

/** Reads and checks a configuration. CONFIG_INVALID names the place, the reason, and what would be right. */
export function loadNodeConfig(sources: ConfigSources): NodeConfig {
  const fromFile = sources.file === undefined ? new Map<string, Given>() : readFile(sources.file);
  const values = new Map<string, unknown>();
  for (const each of settings) {
    const given = fromFlags(each, sources.flags) ?? fromEnvironment(each, sources.env) ?? fromFile.get(each.path);
    values.set(each.path, given === undefined ? fallback(each) : check(each, given));
  }
  return complete(values);
}

/** The name of a node that was given none: host name and roles. */
export function defaultNodeId(roles: readonly NodeRole[]): string {
  const host =
    hostname()
      .replaceAll(/[^A-Za-z0-9._-]/g, '-')
      .slice(0, 64) || 'node';
  return roles.length === nodeRoles.length ? host : `${host}-${roles.join('-')}`;
}

function fromFlags(setting: Setting, flags: ConfigSources['flags']): Given | undefined {
  const value = flags?.[setting.path];
  return value === undefined ? undefined : { value, origin: `--${flagOf(setting.path)}` };
}

function fromEnvironment(setting: Setting, env: ConfigSources['env']): Given | undefined {
  const variable = variableOf(setting.path);
  const value = env?.[variable];
  return value === undefined || value === '' ? undefined : { value, origin: variable };
}

function readFile(path: string): Map<string, Given> {
  const lines = new LineCounter();
  // Pretty errors would repeat the line, and with it what is secret in it.
  const document = parseDocument(readText(path), { lineCounter: lines, prettyErrors: false });
  const [syntaxError] = document.errors;
  if (syntaxError !== undefined) {
    throw invalid(path, `${path}:${lines.linePos(syntaxError.pos[0]).line}`, syntaxError.message, 'valid YAML');
  }
  const found = new Map<string, Given>();
  const walk = (value: unknown, prefix: string) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw invalid(prefix || path, path, 'not a mapping', 'keys and values');
    }
    for (const [key, inner] of Object.entries(value)) {
      const place = prefix === '' ? key : `${prefix}.${key}`;
      const node = document.getIn(place.split('.'), true) as { range?: [number, number, number] } | undefined;
      const line = node?.range === undefined ? undefined : lines.linePos(node.range[0]).line;
      const origin = line === undefined ? path : `${path}:${line}`;
      if (settings.some((each) => each.path === place)) found.set(place, { value: inner, origin });
      else if (settings.some((each) => each.path.startsWith(`${place}.`))) walk(inner, place);
      else throw invalid(place, origin, 'unknown key', `one of ${siblings(prefix).join(', ')}`);
    }
  };
  const content: unknown = document.toJS();
  if (content !== null) walk(content, '');
  return found;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw invalid('--config', path, error instanceof Error ? error.message : String(error), 'a readable file', error);
  }
}

function siblings(prefix: string): string[] {
  const below = settings.filter((each) => prefix === '' || each.path.startsWith(`${prefix}.`));
  const rest = below.map((each) => each.path.slice(prefix === '' ? 0 : prefix.length + 1));
  return [...new Set(rest.map((path) => path.split('.')[0] ?? path))];
}

function check(setting: Setting, given: Given): unknown {
  const parsed = setting.schema.safeParse(fromText(setting, given));
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const reasons = [...new Set(issues.map((issue) => issue.message))].join('; ');
  const expected = issues.map((issue) => (issue.code === 'custom' ? issue.params?.expected : undefined));
  const better = expected.find((each): each is string => typeof each === 'string');
  // The value itself is not repeated: it may hold what is secret.
  throw invalid(setting.path, given.origin, reasons, better ?? setting.description);
}

/** Flags and variables are text: numbers, booleans, lists and maps are read from it here. */
function fromText(setting: Setting, { value, origin }: Given): unknown {
  if (setting.path === 'roles') return expandRoles(splitList(value));
  if (setting.kind === 'list') return splitList(value);
  if (typeof value !== 'string') return value;
  switch (setting.kind) {
    case 'integer':
      return /^-?\d+$/.test(value) ? Number(value) : value;
    case 'boolean':
      return { true: true, '1': true, false: false, '0': false }[value] ?? value;
    case 'map':
      return Object.fromEntries(value.split(',').map((pair, index) => splitPair(pair, index, setting, origin)));
    case 'text':
      return value;
  }
}

/** A list is one text with commas, or several texts as a repeated flag gives them, each of which may have commas. */
function splitList(value: unknown): unknown {
  if (typeof value === 'string') return value.split(',').map((item) => item.trim());
  return Array.isArray(value) ? value.flatMap((item) => (typeof item === 'string' ? splitList(item) : [item])) : value;
}

function expandRoles(list: unknown): unknown {
  return Array.isArray(list) && list.includes('all') ? nodeRoles : list;
}

function splitPair(pair: string, index: number, setting: Setting, origin: string): [string, string] {
  const at = pair.indexOf('=');
  // A URL in a wrong place may hold a password.
  const shown = pair.includes('@') ? `entry ${index + 1}` : `"${pair}"`;
  if (at < 1) throw invalid(setting.path, origin, `${shown} has no "="`, 'key=value');
  return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
}

function fallback(setting: Setting): unknown {
  if (setting.default !== undefined || setting.schema.safeParse(undefined).success) return setting.default;
  const expected = `--${flagOf(setting.path)}, ${variableOf(setting.path)} or ${setting.path} in the file`;
  throw invalid(setting.path, setting.path, 'missing', expected);
}

function complete(values: ReadonlyMap<string, unknown>): NodeConfig {
  const nested: Record<string, unknown> = {};
  for (const [path, value] of values) {
    const [group, key] = path.includes('.') ? path.split('.', 2) : [undefined, path];
    if (group === undefined || key === undefined) nested[path] = value;
    else
      nested[group] = {
        ...(nested[group] as object | undefined),
        [key]: value,
      };
  }
  // Every value was checked by its row of the table; this names the shape that the rows add up to.
  const config = nested as unknown as NodeConfig;
  const { replicationFactor } = config.cluster;
  const cluster = {
    ...config.cluster,
    writeQuorum: config.cluster.writeQuorum ?? Math.floor(replicationFactor / 2) + 1,
    bootstrapExpectObject: config.cluster.bootstrapExpectObject ?? replicationFactor,
  };
  const isCoordinator = config.roles.includes('coordinator');
  const listen = config.listen ?? (isCoordinator ? '127.0.0.1:7480' : '127.0.0.1:0');
  const complete = {
    ...config,
    // git runs in folders of its own, where a relative path would mean another place.
    dataDir: resolve(config.dataDir),
    roles: nodeRoles.filter((role) => config.roles.includes(role)),
    cluster,
    listen,
  };
  crossCheck(complete);
  return complete;
}

/** What no single row can say. */
function crossCheck(config: NodeConfig): void {
  const { replicationFactor, writeQuorum, bootstrapExpectObject } = config.cluster;
  if (writeQuorum > replicationFactor) {
    const reason = `${writeQuorum} is more than the replication factor ${replicationFactor}`;
    throw invalid('cluster.writeQuorum', '--write-quorum', reason, `1 to ${replicationFactor}`);
  }
  if (bootstrapExpectObject < writeQuorum) {
    const reason = `${bootstrapExpectObject} object nodes cannot hold ${writeQuorum} copies`;
    throw invalid('cluster.bootstrapExpectObject', '--bootstrap-expect-object', reason, `${writeQuorum} or more`);
  }
  const { suspectTimeoutMs, downTimeoutMs, heartbeatIntervalMs } = config.timings;
  if (suspectTimeoutMs <= heartbeatIntervalMs || downTimeoutMs <= suspectTimeoutMs) {
    const reason = `${heartbeatIntervalMs}, ${suspectTimeoutMs}, ${downTimeoutMs} do not rise`;
    const expected = 'heartbeatIntervalMs < suspectTimeoutMs < downTimeoutMs';
    throw invalid('timings', '--suspect-timeout', reason, expected);
  }
  if (config.coordinators.length === 0 && !config.roles.includes('coordinator')) {
    throw invalid('coordinators', '--coordinator', 'missing', 'host:port of at least one coordinator');
  }
  checkEtcd(config);
  const exposed = [...listenersOf(config), ...plainEtcdAddresses(config)].find((each) => !isLoopback(each));
  if (exposed !== undefined && !config.insecureListen) {
    throw new StratumError('INSECURE_LISTEN', `${exposed} is reachable from other machines`, undefined, {
      hint: 'there is no authentication or TLS yet; --insecure-listen allows it all the same',
    });
  }
  if (isWildcard(config.listen) && config.advertise === undefined) {
    const reason = `nobody can connect to ${config.listen}`;
    throw invalid('advertise', '--advertise', reason, 'the host:port under which other nodes reach this one');
  }
}

function listenersOf({ roles, listen, httpListen, metricsListen, etcd, nodeId }: NodeConfig): string[] {
  const peer = etcd.peerListen ?? (nodeId === undefined ? undefined : etcd.peers[nodeId]);
  const optional = [roles.includes('frontend') ? httpListen : undefined, metricsListen, peer];
  return [listen, ...optional.filter((each) => each !== undefined)];
}

/** Where this coordinator's topology goes over the network as it is. */
function plainEtcdAddresses({ etcd }: NodeConfig): string[] {
  const plain = etcd.endpoints.filter((endpoint) => endpoint.startsWith('http:'));
  return [...Object.values(etcd.peers), ...plain.map((endpoint) => endpoint.slice('http://'.length))];
}

/** Two kinds of etcd, and what belongs to each. */
function checkEtcd(config: NodeConfig): void {
  const { endpoints, peers, username, passwordFile, certFile, keyFile, clientListen, peerListen } = config.etcd;
  const hasPeers = Object.keys(peers).length > 0;
  const isCoordinator = config.roles.includes('coordinator');
  if ((hasPeers || endpoints.length > 0) && !isCoordinator) {
    throw invalid('etcd', '--role', 'only a coordinator has an etcd', 'the role coordinator, or no etcd');
  }
  if (hasPeers && endpoints.length > 0) {
    throw invalid('etcd.peers', '--peers', 'given beside etcd.endpoints', 'one of --peers and --etcd-endpoints');
  }
  if (hasPeers && (config.nodeId === undefined || peers[config.nodeId] === undefined)) {
    const reason = `${config.nodeId ?? 'the node, which has no id,'} is not among them`;
    throw invalid('etcd.peers', '--peers', reason, '--id, and an entry of --peers for it');
  }
  checkPeerListener(config);
  if (!hasPeers && (peerListen ?? clientListen) !== undefined) {
    throw invalid('etcd.peers', '--peers', 'missing', 'the members of which this is one');
  }
  if (clientListen !== undefined && !isLoopback(clientListen)) {
    const reason = `${clientListen} is reachable from other machines, and etcd asks nobody who he is`;
    throw invalid('etcd.clientListen', '--etcd-client-listen', reason, 'an address of this machine alone');
  }
  if ((username === undefined) !== (passwordFile === undefined)) {
    throw invalid('etcd.username', '--etcd-username', 'a user without a password, or the reverse', 'both or neither');
  }
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw invalid('etcd.certFile', '--etcd-cert-file', 'a certificate without its key, or the reverse', 'both');
  }
  checkEndpoints(config.etcd);
}

/** etcd binds to IP addresses alone, and the others must know the port. */
function checkPeerListener({ nodeId, etcd: { peers, peerListen } }: NodeConfig): void {
  const own = nodeId === undefined ? undefined : peers[nodeId];
  const listener = peerListen ?? own;
  if (own === undefined || listener === undefined) return;
  const { host } = splitAddress(listener);
  if (host !== 'localhost' && isIP(host) === 0) {
    const reason = `${host} is not an IP address, and etcd listens on no other`;
    throw invalid('etcd.peerListen', '--etcd-peer-listen', reason, 'IP address and port, for example 0.0.0.0:2380');
  }
  if ([...Object.values(peers), listener].some((address) => splitAddress(address).port === 0)) {
    throw invalid('etcd.peers', '--peers', 'port 0 leads nowhere', 'ports from 1 to 65535');
  }
}

function checkEndpoints({ endpoints, username, caFile, certFile }: NodeConfig['etcd']): void {
  const isSecure = endpoints.some((endpoint) => endpoint.startsWith('https:'));
  const hasCredentials = [username, caFile, certFile].some((each) => each !== undefined);
  if (endpoints.length > 0 && !isSecure && (caFile ?? certFile) !== undefined) {
    throw invalid('etcd.endpoints', '--etcd-endpoints', 'http uses no certificates', 'https://host:port');
  }
  const plain = endpoints.filter((endpoint) => endpoint.startsWith('http:'));
  if (plain.length > 0 && plain.length < endpoints.length) {
    throw invalid('etcd.endpoints', '--etcd-endpoints', 'http and https are mixed', 'all http or all https');
  }
  if (endpoints.length === 0 && hasCredentials) {
    throw invalid('etcd.endpoints', '--etcd-endpoints', 'missing', 'the etcd that these credentials are for');
  }
}

/** Host and port of "host:port", brackets of an IPv6 address removed. */
export function splitAddress(address: string): {
  readonly host: string;
  readonly port: number;
} {
  const at = address.lastIndexOf(':');
  return {
    host: address.slice(0, at).replace(/^\[(.*)\]$/, '$1'),
    port: Number(address.slice(at + 1)),
  };
}

/** Whether only this machine can reach a listener at the address. */
export function isLoopback(address: string): boolean {
  const { host } = splitAddress(address);
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function isWildcard(address: string): boolean {
  return ['0.0.0.0', '::'].includes(splitAddress(address).host);
}

function invalid(field: string, origin: string, reason: string, expected: string, cause?: unknown): StratumError {
  const message = origin === field ? `${field}: ${reason}` : `${field} (${origin}): ${reason}`;
  const details = { field, reason, expected };
  return new StratumError('CONFIG_INVALID', message, details, {
    hint: `expected: ${expected}`,
    cause,
  });
}
