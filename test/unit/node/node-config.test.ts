import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { asStratumError, type StratumError } from '../../../src/base/errors.ts';
import { type ConfigSources, isLoopback, loadNodeConfig, splitAddress } from '../../../src/node/node-config.ts';

const folder = mkdtempSync(join(tmpdir(), 'stratum-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function yaml(text: string): string {
  const path = join(folder, 'node.yaml');
  writeFileSync(path, text);
  return path;
}

function refusalOf(sources: ConfigSources): StratumError {
  try {
    loadNodeConfig(sources);
  } catch (error) {
    return asStratumError(error);
  }
  throw new Error('it was not refused');
}

const minimal = { roles: 'object', dataDir: '/data', coordinators: '127.0.0.1:7480' };
const load = (sources: ConfigSources) => loadNodeConfig({ ...sources, flags: { ...minimal, ...sources.flags } });

describe('the configuration of a node', () => {
  it('has the contract’s timings and a majority quorum by default', () => {
    const config = load({});
    expect(config.timings).toMatchObject({
      heartbeatIntervalMs: 10_000,
      suspectTimeoutMs: 30_000,
      downTimeoutMs: 60_000,
      metadataLeaseMs: 3_000,
    });
    expect(config.cluster.metadataReplicas).toBe(3);
    expect(config.cluster).toMatchObject({ replicationFactor: 3, writeQuorum: 2, bootstrapExpectObject: 3 });
    expect(config.listen).toBe('127.0.0.1:0');
  });

  it.each([0, 10])('refuses %s metadata replicas', (count) => {
    expect(() => load({ flags: { 'cluster.metadataReplicas': count } })).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        details: expect.objectContaining({ field: 'cluster.metadataReplicas' }),
      }),
    );
  });

  it('lets a flag win over a variable and a variable over the file', () => {
    const file = yaml('weight: 10\nlogLevel: debug\nhttpListen: 127.0.0.1:1\n');
    const env = { STRATUM_WEIGHT: '20', STRATUM_LOG_LEVEL: 'warn' };
    const config = load({ file, env, flags: { weight: '30' } });
    expect(config).toMatchObject({ weight: 30, logLevel: 'warn', httpListen: '127.0.0.1:1' });
  });

  it('makes a relative data folder absolute: git runs in other folders', () => {
    expect(load({ flags: { dataDir: 'data' } }).dataDir).toBe(join(process.cwd(), 'data'));
  });

  it('treats an empty variable as not set', () => {
    expect(load({ env: { STRATUM_WEIGHT: '' } }).weight).toBe(100);
  });

  it('reads "all" as every role, and the coordinator is then its own', () => {
    const config = loadNodeConfig({ flags: { roles: 'all', dataDir: '/d' } });
    expect(config.roles).toEqual(['coordinator', 'object', 'metadata', 'frontend']);
    expect(config.listen).toBe('127.0.0.1:7480');
  });

  it('reads nested groups, lists and maps from variables', () => {
    const env = {
      STRATUM_CLUSTER_REPLICATION_FACTOR: '5',
      STRATUM_LABELS: 'zone=a,rack=r1',
      STRATUM_GIT_CREATE_ON_PUSH: '0',
    };
    const config = load({ env });
    expect(config.cluster).toMatchObject({ replicationFactor: 5, writeQuorum: 3 });
    expect(config.labels).toEqual({ zone: 'a', rack: 'r1' });
    expect(config.git.createOnPush).toBe(false);
  });

  it.each([
    ['in one', 'a:1,b:2,c:3'],
    ['in one of several', ['a:1', 'b:2, c:3']],
    ['one each', ['a:1', 'b:2', 'c:3']],
  ])('takes a list from a flag with commas or repeated: %s', (_what, coordinators) => {
    expect(load({ flags: { coordinators } }).coordinators).toEqual(['a:1', 'b:2', 'c:3']);
  });

  it('takes roles with commas or repeated', () => {
    expect(load({ flags: { roles: ['object,metadata', 'frontend'] } }).roles).toEqual([
      'object',
      'metadata',
      'frontend',
    ]);
  });

  const refused: readonly [string, ConfigSources, RegExp][] = [
    ['an unknown key, with its line', { file: '!weight: 1\nwieght: 2\n' }, /wieght \(.*node\.yaml:2\): unknown key/],
    ['an unknown nested key', { file: '!cluster:\n  partition: 2\n' }, /cluster\.partition \(.*:2\): unknown key/],
    ['a scalar where a group belongs', { file: '!cluster: 5\n' }, /cluster .*not a mapping/],
    ['YAML that does not parse', { file: '!a: [\n' }, /node\.yaml:/],
    ['a number that is none', { env: { STRATUM_WEIGHT: 'heavy' } }, /weight \(STRATUM_WEIGHT\)/],
    ['a number out of range', { flags: { weight: '0' } }, /weight \(--weight\)/],
    ['an unknown role', { flags: { roles: 'objekt' } }, /roles \(--role\)/],
    ['a port out of range', { flags: { listen: '127.0.0.1:70000' } }, /listen \(--listen\)/],
    ['an address without a port', { flags: { httpListen: 'localhost' } }, /httpListen \(--http-listen\)/],
    ['a label without a value', { flags: { labels: 'zone' } }, /labels \(--label\).*no "="/],
    ['a boolean that is none', { env: { STRATUM_INSECURE_LISTEN: 'maybe' } }, /insecureListen/],
    [
      'more acknowledgements than copies',
      { flags: { 'cluster.writeQuorum': '4' } },
      /more than the replication factor 3/,
    ],
    ['too few nodes for the quorum', { flags: { 'cluster.bootstrapExpectObject': '1' } }, /cannot hold 2 copies/],
    ['time-outs that do not rise', { flags: { 'timings.suspectTimeoutMs': '5000' } }, /do not rise/],
    ['a file that is not there', { file: '/nonexistent/node.yaml' }, /ENOENT/],
  ];
  it.each(refused)('refuses %s', (_what, sources, message) => {
    const file = sources.file?.startsWith('!') ? yaml(sources.file.slice(1)) : sources.file;
    expect(() => load({ ...sources, file })).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(message),
        hint: expect.stringContaining('expected'),
      }),
    );
  });

  it.each([
    ['roles', { dataDir: '/d' }, /roles: missing/],
    ['a data folder', { roles: 'object', coordinators: 'a:1' }, /dataDir: missing/],
    ['coordinators', { roles: 'object', dataDir: '/d' }, /coordinators .*missing/],
  ])('refuses to go without %s', (_what, flags, message) => {
    expect(() => loadNodeConfig({ flags })).toThrow(message);
  });

  it('listens beyond loopback only when told so', () => {
    const flags = { listen: '10.0.0.1:7480' };
    expect(() => load({ flags })).toThrow(expect.objectContaining({ code: 'INSECURE_LISTEN' }));
    expect(load({ flags: { ...flags, insecureListen: true } }).listen).toBe('10.0.0.1:7480');
  });

  it('wants to know how others reach a listener on every address', () => {
    const flags = { listen: '0.0.0.0:7480', insecureListen: true };
    expect(() => load({ flags })).toThrow(/advertise/);
    expect(load({ flags: { ...flags, advertise: 'o1.example:7480' } }).advertise).toBe('o1.example:7480');
  });
});

describe('the etcd of a coordinator', () => {
  const peers = 'c1=127.0.0.1:2380,c2=127.0.0.1:2381,c3=127.0.0.1:2382';
  const coordinator = (flags: Readonly<Record<string, unknown>>) =>
    loadNodeConfig({ flags: { roles: 'coordinator', dataDir: '/d', nodeId: 'c1', ...flags } });

  it('is none, or members of their own, or one that is there already', () => {
    expect(coordinator({}).etcd).toMatchObject({ endpoints: [], peers: {}, prefix: '/stratum/' });
    expect(coordinator({ 'etcd.peers': peers }).etcd.peers).toMatchObject({ c2: '127.0.0.1:2381' });
    expect(coordinator({ 'etcd.peers': 'c1=127.0.0.1:2380,c2=127.0.0.1:2381' }).etcd.peers).toHaveProperty('c2');
    const endpoints = 'https://e1.example:2379,https://e2.example:2379';
    expect(coordinator({ 'etcd.endpoints': endpoints }).etcd.endpoints).toEqual(endpoints.split(','));
  });

  const endpoint = { 'etcd.endpoints': 'https://e1.example:2379' };
  const refused: readonly [string, Readonly<Record<string, unknown>>, RegExp][] = [
    ['endpoints beside peers', { ...endpoint, 'etcd.peers': peers }, /etcd\.peers .*beside/],
    ['peers without the own node', { 'etcd.peers': peers, nodeId: 'c4' }, /c4 is not among them/],
    ['peers of a node without a name', { 'etcd.peers': peers, nodeId: undefined }, /has no id/],
    ['peers of another role', { 'etcd.peers': peers, roles: 'object', coordinators: 'a:1' }, /only a coordinator/],
    ['endpoints of another role', { ...endpoint, roles: 'object', coordinators: 'a:1' }, /only a coordinator/],
    ['an endpoint without a port', { 'etcd.endpoints': 'https://e1.example' }, /expected http:\/\/host:port/],
    ['http beside https', { 'etcd.endpoints': 'https://e1:1,http://127.0.0.1:1' }, /mixed/],
    ['a peer without a port', { 'etcd.peers': 'c1=127.0.0.1:2380,c2=10.0.0.1' }, /expected host:port/],
    ['a peer at port 0', { 'etcd.peers': 'c1=127.0.0.1:0' }, /port 0/],
    ['a peer listener by name', { 'etcd.peers': 'c1=c1.example:2380' }, /c1\.example is not an IP address/],
    ['a peer listener without peers', { 'etcd.peerListen': '127.0.0.1:2380' }, /etcd\.peers .*missing/],
    ['a client listener without peers', { 'etcd.clientListen': '127.0.0.1:2379' }, /etcd\.peers .*missing/],
    ['an open client listener', { 'etcd.peers': peers, 'etcd.clientListen': '0.0.0.0:2379' }, /etcd\.clientListen/],
    ['a user without a password', { ...endpoint, 'etcd.username': 'u' }, /without a password/],
    ['a password without a user', { ...endpoint, 'etcd.passwordFile': '/p' }, /without a password/],
    ['a certificate without a key', { ...endpoint, 'etcd.certFile': '/c' }, /without its key/],
    ['a key without a certificate', { ...endpoint, 'etcd.keyFile': '/k' }, /without its key/],
    ['certificates for http', { 'etcd.endpoints': 'http://127.0.0.1:1', 'etcd.caFile': '/c' }, /no certificates/],
    ['certificates for nothing', { 'etcd.caFile': '/c' }, /etcd\.endpoints .*missing/],
    ['a prefix that is no path', { ...endpoint, 'etcd.prefix': 'stratum' }, /begins and ends/],
    ['a lease shorter than etcd keeps', { 'timings.leaderLeaseMs': '1000' }, /leaderLeaseMs/],
  ];
  it.each(refused)('is not %s', (_what, flags, message) => {
    expect(() => coordinator(flags)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    );
  });

  it.each([
    'http://root:hunter2@127.0.0.1:2379',
    'https://root:hunter2@e1.example:2379',
    'https://root:hun/hunter2@e1.example:2379',
    'https://root:hun,hunter2@e1.example:2379',
    'root:hunter2@e1.example:2379',
  ])('takes no password from a URL, and does not repeat it: %s', (url) => {
    const file = yaml(`etcd:\n  endpoints: [${url}]\n`);
    for (const sources of [
      { flags: { 'etcd.endpoints': [url] } },
      { env: { STRATUM_ETCD_ENDPOINTS: url } },
      { file },
    ]) {
      const flags = { roles: 'coordinator', dataDir: '/d', nodeId: 'c1', ...('flags' in sources ? sources.flags : {}) };
      const refusal = refusalOf({ ...sources, flags });
      expect(refusal).toMatchObject({
        code: 'CONFIG_INVALID',
        hint: expect.stringMatching(/--etcd-username.*--etcd-password-file/),
      });
      expect(JSON.stringify([refusal.message, refusal.hint, refusal.details])).not.toContain('hunter2');
    }
  });

  it('does not repeat a password that stands in a wrong place', () => {
    const flags = { roles: 'coordinator', dataDir: '/d', nodeId: 'c1' };
    const url = 'http://root:hunter2@127.0.0.1:2379';
    for (const sources of [{ flags: { ...flags, 'etcd.peers': url } }, { flags, file: yaml(`a: "${url}\n`) }]) {
      const refusal = refusalOf(sources);
      expect(refusal.code).toBe('CONFIG_INVALID');
      expect(JSON.stringify([refusal.message, refusal.hint, refusal.details])).not.toContain('hunter2');
    }
  });

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['endpoints over plain HTTP', { 'etcd.endpoints': 'http://10.0.0.1:2379' }],
    ['a peer', { 'etcd.peers': 'c1=127.0.0.1:2380,c2=10.0.0.2:2380' }],
    ['the own peer listener', { 'etcd.peers': 'c1=127.0.0.1:2380', 'etcd.peerListen': '0.0.0.0:2380' }],
    ['metrics', { metricsListen: '0.0.0.0:9100' }],
  ])('is beyond loopback only when told so: %s', (_what, flags) => {
    expect(() => coordinator(flags)).toThrow(expect.objectContaining({ code: 'INSECURE_LISTEN' }));
    expect(coordinator({ ...flags, insecureListen: true }).insecureListen).toBe(true);
  });
});

describe('addresses', () => {
  it.each([
    ['127.0.0.1:80', true],
    ['127.8.9.1:80', true],
    ['localhost:80', true],
    ['[::1]:80', true],
    ['127.example.org:80', false],
    ['0.0.0.0:80', false],
    ['[::]:80', false],
    ['host:80', false],
  ])('%s is loopback: %s', (address, expected) => {
    expect(isLoopback(address)).toBe(expected);
  });

  it('loses the brackets of an IPv6 host', () => {
    expect(splitAddress('[::1]:8480')).toEqual({ host: '::1', port: 8480 });
  });
});
