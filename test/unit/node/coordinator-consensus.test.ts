import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { asStratumError } from '../../../src/base/errors.ts';
import { Lifecycle, type Part } from '../../../src/base/lifecycle.ts';
import { systemRandom } from '../../../src/base/random.ts';
import type { Consensus } from '../../../src/consensus/consensus.ts';
import { chooseMemberPort } from '../../../src/consensus/etcd/etcd-member-port.ts';
import { buildConsensus } from '../../../src/node/coordinator-consensus.ts';
import { loadNodeConfig } from '../../../src/node/node-config.ts';
import { leading } from '../../conformance/consensus.ts';
import { startEtcd } from '../../conformance/etcd-process.ts';
import { recordingLog } from '../base/recording-log.ts';
import { selfSignedCertificate } from './self-signed-certificate.ts';

let folder: string;
const { certificate: sampleCertificate, key: sampleKey } = selfSignedCertificate();

function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

let lifecycle: Lifecycle;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-coordinator-consensus-'));
  lifecycle = new Lifecycle(systemClock);
});
afterEach(async () => {
  await lifecycle.stop();
  rmSync(folder, { recursive: true });
});

async function build(flags: Readonly<Record<string, unknown>> = {}) {
  const config = loadNodeConfig({ flags: { roles: 'coordinator', dataDir: folder, nodeId: 'c1', ...flags } });
  const log = recordingLog();
  const started: string[] = [];
  const consensus = await buildConsensus(
    { ...config, nodeId: 'c1' },
    {
      folder,
      hasJoinedBefore: false,
      address: () => '127.0.0.1:7480',
      startPart: async (part: Part) => {
        await lifecycle.start(part);
        started.push(part.name);
      },
      clock: systemClock,
      random: systemRandom,
      log,
    },
  );
  return { consensus, log, started };
}

async function driverOf(consensus: Consensus): Promise<string> {
  await lifecycle.start({
    name: 'consensus',
    start: (signal) => consensus.start(signal),
    stop: () => consensus.stop(),
  });
  await leading(consensus);
  return (await consensus.status()).driver;
}

const ownPeer = async () => ({ 'etcd.peers': `c1=127.0.0.1:${await chooseMemberPort(systemRandom)}` });

describe('the consensus of a coordinator', () => {
  it('is embedded when nothing is said', async () => {
    const { consensus, started } = await build();
    expect(started).toEqual([]);
    expect(await driverOf(consensus)).toBe('embedded');
  });

  it('is on the etcd that is given', async () => {
    const etcd = await startEtcd();
    try {
      const { consensus, started } = await build({ 'etcd.endpoints': etcd.endpoint, 'timings.leaderLeaseMs': 2_000 });
      expect(started).toEqual([]);
      expect(await driverOf(consensus)).toBe('etcd');
      await lifecycle.stop();
    } finally {
      await etcd.stop();
    }
  });

  it('is on a member of its own that runs when peers are given', async () => {
    const { consensus, started } = await build({ ...(await ownPeer()), 'timings.leaderLeaseMs': 2_000 });
    expect(started).toEqual(['etcd member']);
    expect(await driverOf(consensus)).toBe('etcd');
    expect((await consensus.status()).members).toMatchObject([{ id: 'c1', reachable: true }]);
    expect(existsSync(join(folder, 'coordinator', 'etcd', 'member'))).toBe(true);
    expect(existsSync(join(folder, 'etcd.log'))).toBe(true);
  });

  it('does not begin a second cluster beside what another driver has kept', async () => {
    const foreign = expect.objectContaining({ code: 'DATA_DIR_FOREIGN' });
    mkdirSync(join(folder, 'coordinator', 'etcd'), { recursive: true });
    await expect(build()).rejects.toEqual(foreign);
    rmSync(join(folder, 'coordinator', 'etcd'), { recursive: true });
    await driverOf((await build()).consensus);
    await expect(build(await ownPeer())).rejects.toEqual(foreign);
    await expect(build({ 'etcd.endpoints': 'http://127.0.0.1:1' })).rejects.toEqual(foreign);
  });

  it('says that an even number of members is no better than one less', async () => {
    const peers = `${(await ownPeer())['etcd.peers']},c2=127.0.0.1:1`;
    const { consensus, log } = await build({ 'etcd.peers': peers });
    expect(log.lines).toContainEqual(expect.objectContaining({ level: 'warn', fields: { members: 2 } }));
    await consensus.stop();
  });

  it('needs an etcd program for members of its own', async () => {
    await expect(build({ ...(await ownPeer()), 'etcd.binary': '/nonexistent/etcd' })).rejects.toMatchObject({
      code: 'ETCD_MISSING',
    });
  });

  it.each(['etcd.caFile', 'etcd.passwordFile'])('names the setting of a file that cannot be read: %s', async (path) => {
    const file = join(folder, 'file');
    writeFileSync(file, sampleCertificate);
    const whole = { 'etcd.caFile': file, 'etcd.passwordFile': file, [path]: join(folder, 'missing') };
    const flags = { 'etcd.endpoints': 'https://127.0.0.1:1', 'etcd.username': 'u', ...whole };
    await expect(build(flags)).rejects.toMatchObject({ code: 'CONFIG_INVALID', details: { field: path } });
  });

  const flagsOfFiles = {
    'etcd.caFile': '--etcd-ca-file',
    'etcd.certFile': '--etcd-cert-file',
    'etcd.keyFile': '--etcd-key-file',
    'etcd.passwordFile': '--etcd-password-file',
  };

  /** Flags with files of the test's own certificate, some of them with other contents; undefined is no file. */
  function secrets(contents: Readonly<Record<string, string | undefined>>) {
    const flags: Record<string, unknown> = { 'etcd.endpoints': 'https://127.0.0.1:1', 'etcd.username': 'u' };
    const right = {
      'etcd.caFile': sampleCertificate,
      'etcd.certFile': sampleCertificate,
      'etcd.keyFile': sampleKey,
      'etcd.passwordFile': 'secret',
    };
    for (const [path, content] of Object.entries({ ...right, ...contents })) {
      const file = join(folder, path);
      if (content !== undefined) writeFileSync(file, content);
      flags[path] = file;
    }
    return flags;
  }

  it('takes certificates with text around them', async () => {
    const bundle = `An authority\n${sampleCertificate}\nAnother\n${sampleCertificate}`;
    const { consensus } = await build(secrets({ 'etcd.caFile': bundle }));
    await consensus.stop();
  });

  const begin = '-----BEGIN CERTIFICATE-----';
  it.each<[string, keyof typeof flagsOfFiles, string | undefined]>([
    ['an authority that is no PEM', 'etcd.caFile', 'hunter2'],
    ['an authority that is a broken PEM', 'etcd.caFile', `${begin}\nhunter2\n-----END CERTIFICATE-----\n`],
    [
      'an authority of which the second is broken',
      'etcd.caFile',
      `${'{certificate}'}${begin}\nAA==\n-----END CERTIFICATE-----\n`,
    ],
    ['a certificate that is no PEM', 'etcd.certFile', 'hunter2'],
    ['a certificate that is empty', 'etcd.certFile', ''],
    ['a key that is no PEM', 'etcd.keyFile', 'hunter2'],
    ['a key that is a certificate', 'etcd.keyFile', '{certificate}'],
    ['a key of another certificate', 'etcd.keyFile', '{other key}'],
    ['a password that is not there', 'etcd.passwordFile', undefined],
  ])('names the flag of a file that is of no use: %s', async (_what, path, content) => {
    const text = content?.replace('{certificate}', sampleCertificate).replace('{other key}', newKey());
    const refusal = await build(secrets({ [path]: text })).catch(asStratumError);
    expect(refusal).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(flagsOfFiles[path]),
      hint: expect.stringContaining(flagsOfFiles[path]),
      details: { field: path },
    });
    expect(JSON.stringify(refusal)).not.toContain('hunter2');
  });
});
