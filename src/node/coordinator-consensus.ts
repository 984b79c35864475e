import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { StratumError } from '../base/errors.ts';
import type { Part } from '../base/lifecycle.ts';
import type { Logger } from '../base/log.ts';
import { type Random, randomHex } from '../base/random.ts';
import type { Consensus } from '../consensus/consensus.ts';
import { createTopology } from '../topology/create-topology.ts';
import type { NodeConfig } from './node-config.ts';
import { flagOf } from './settings.ts';

/** Hex digits of a cluster's id are twice this. */
const clusterIdBytes = 16;

/** Of what a coordinator keeps, in its data folder. */
const coordinatorFolder = 'coordinator';

/** A call to etcd may take this share of the leader's lease, so that two may fail before the lease ends. */
const callShareOfLease = 3;

/** What a coordinator's consensus is made from. */
export interface ConsensusModules {
  /** The data folder. */
  readonly folder: string;
  /** Whether the node has been in a cluster before. */
  readonly hasJoinedBefore: boolean;
  /** host:port of this coordinator as others reach it. */
  readonly address: () => string;
  /** Starts what has to run before the consensus and to stop after it. */
  readonly startPart: (part: Part) => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

type CoordinatorConfig = NodeConfig & { readonly nodeId: string };

/**
 * The driver that the configuration asks for: etcd by endpoints or by members of its own, else the
 * embedded one. A member of its own has been started when this resolves. DATA_DIR_FOREIGN when the
 * folder holds the topology of another driver; what the member's start rejects with.
 */
export async function buildConsensus(config: CoordinatorConfig, modules: ConsensusModules): Promise<Consensus> {
  const { endpoints, peers } = config.etcd;
  const hasPeers = Object.keys(peers).length > 0;
  refuseOtherDriver(modules.folder, hasPeers || endpoints.length > 0 ? 'etcd' : 'embedded');
  if (hasPeers) return onOwnMember(config, modules);
  return endpoints.length > 0 ? onEtcd(config, endpoints, modules) : embedded(config, modules);
}

/** A topology is not carried over from one driver to the other: a coordinator would begin a second, empty cluster. */
function refuseOtherDriver(folder: string, driver: 'etcd' | 'embedded'): void {
  const other = driver === 'etcd' ? 'data.mdb' : 'etcd';
  const path = join(folder, coordinatorFolder, other);
  if (!existsSync(path)) return;
  const kept = driver === 'etcd' ? 'a coordinator that was alone' : 'a coordinator with an etcd member';
  throw new StratumError('DATA_DIR_FOREIGN', `${path} is of ${kept}, which this version cannot change`, undefined, {
    hint: 'start it with the --peers or --etcd-endpoints that it had, or make a new cluster in another folder',
  });
}

/** Each coordinator speaks to the member that it runs, and to no other: what cuts off the one cuts off both. */
async function onOwnMember(config: CoordinatorConfig, modules: ConsensusModules): Promise<Consensus> {
  const [{ prepareEtcd }, { packedEtcd }, { EtcdMember }] = await Promise.all([
    import('../consensus/etcd/etcd-binary.ts'),
    import('../consensus/etcd/packed-etcd-binary.ts'),
    import('../consensus/etcd/etcd-member.ts'),
  ]);
  const { folder, hasJoinedBefore, log } = modules;
  const { nodeId, etcd } = config;
  const { peers, peerListen, clientListen } = etcd;
  const members = Object.keys(peers).length;
  if (members % 2 === 0) {
    log.warn({ members }, 'an even number of etcd members survives no more losses than one member less');
  }
  const searchPath = process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin';
  const search = { setting: etcd.binary, searchPath, folder: join(folder, 'bin') };
  const binary = await prepareEtcd(search, { clock: modules.clock, packed: packedEtcd });
  const place = { folder: join(folder, coordinatorFolder, 'etcd'), logFile: join(folder, 'etcd.log') };
  const member = new EtcdMember(
    { nodeId, ...place, peers, peerListen, clientListen, binary, searchPath, hasJoinedBefore },
    modules,
  );
  await modules.startPart(member);
  return onEtcd(config, [member.endpoint], modules);
}

async function embedded(
  config: CoordinatorConfig,
  { folder, address, random, log }: ConsensusModules,
): Promise<Consensus> {
  const [{ EmbeddedConsensus }, { LmdbTopologyStore }] = await Promise.all([
    import('../consensus/embedded-consensus.ts'),
    import('../consensus/lmdb-topology-store.ts'),
  ]);
  const { nodeId } = config;
  const store = new LmdbTopologyStore({ path: join(folder, coordinatorFolder) });
  return new EmbeddedConsensus({ nodeId, address, initialTopology: () => newTopology(config, random) }, { store, log });
}

async function onEtcd(
  config: CoordinatorConfig,
  endpoints: readonly string[],
  { address, clock, random, log }: ConsensusModules,
): Promise<Consensus> {
  const [{ EtcdConsensus }, { EtcdStore }] = await Promise.all([
    import('../consensus/etcd/etcd-consensus.ts'),
    import('../consensus/etcd/etcd-store.ts'),
  ]);
  const { nodeId, etcd, timings } = config;
  const ownMembers = Object.keys(etcd.peers).length > 0;
  const store = new EtcdStore(
    {
      endpoints,
      prefix: etcd.prefix,
      asksMembers: !ownMembers,
      callTimeoutMs: Math.round(timings.leaderLeaseMs / callShareOfLease),
      ...(await secretsOf(etcd)),
    },
    { clock },
  );
  const options = { nodeId, address, leaseMs: timings.leaderLeaseMs, ownMembers };
  return new EtcdConsensus(
    { ...options, initialTopology: () => newTopology(config, random) },
    { store, clock, random, log },
  );
}

function newTopology({ cluster, timings }: NodeConfig, random: Random) {
  const { heartbeatIntervalMs, suspectTimeoutMs, downTimeoutMs, metadataLeaseMs } = timings;
  const settings = { ...cluster, heartbeatIntervalMs, suspectTimeoutMs, downTimeoutMs, metadataLeaseMs };
  return createTopology(randomHex(random, clusterIdBytes), settings);
}

/** Credentials are read from their files once, at the start. */
async function secretsOf({ username, passwordFile, caFile, certFile, keyFile }: NodeConfig['etcd']) {
  const [ca, cert, key] = await Promise.all([
    readSecret(caFile, 'etcd.caFile'),
    readSecret(certFile, 'etcd.certFile'),
    readSecret(keyFile, 'etcd.keyFile'),
  ]);
  // etcd3 would find out at the first call, and take it for an etcd that does not answer.
  if (ca !== undefined) parseCertificates(ca, 'etcd.caFile');
  const [ownCertificate] = cert === undefined ? [] : parseCertificates(cert, 'etcd.certFile');
  const ownKey = key === undefined ? undefined : parsePrivateKey(key, 'etcd.keyFile');
  if (ownKey !== undefined && ownCertificate?.checkPrivateKey(ownKey) === false) {
    throw badFile('etcd.keyFile', 'it is not the key of the certificate', 'the private key of --etcd-cert-file');
  }
  const credentials = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  const password = await readSecret(passwordFile, 'etcd.passwordFile');
  const hasUser = username !== undefined && password !== undefined;
  return {
    ...(Object.keys(credentials).length === 0 ? {} : { credentials }),
    // A line end at the end of the file is the editor's, not the password's.
    ...(hasUser ? { auth: { username, password: password.toString().replace(/\r?\n$/, '') } } : {}),
  };
}

async function readSecret(path: string | undefined, field: string): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (error) {
    throw badFile(field, reasonOf(error), 'a file that this user may read', error);
  }
}

/** At least one, in the order of the file. */
function parseCertificates(pem: Buffer, field: string): readonly X509Certificate[] {
  const expected = 'certificates in PEM form';
  const blocks = pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g);
  if (blocks === null) throw badFile(field, 'no PEM certificate is in it', expected);
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    throw badFile(field, `a certificate in it cannot be read: ${reasonOf(error)}`, expected, error);
  }
}

function parsePrivateKey(pem: Buffer, field: string): KeyObject {
  try {
    return createPrivateKey({ key: pem, format: 'pem' });
  } catch (error) {
    const expected = 'a private key in PEM form, without a passphrase';
    throw badFile(field, `no private key can be read from it: ${reasonOf(error)}`, expected, error);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A file that a setting names is of no use; nothing of what is in it is repeated. */
function badFile(field: string, reason: string, expected: string, cause?: unknown): StratumError {
  const flag = `--${flagOf(field)}`;
  const details = { field, reason, expected };
  const hint = `${flag} names ${expected}`;
  return new StratumError('CONFIG_INVALID', `${field} (${flag}): ${reason}`, details, { hint, cause });
}
