import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../../src/base/clock.ts';
import { systemRandom } from '../../../../src/base/random.ts';
import { EtcdMember, type EtcdMemberOptions } from '../../../../src/consensus/etcd/etcd-member.ts';
import { chooseMemberPort } from '../../../../src/consensus/etcd/etcd-member-port.ts';
import { findOrInstallEtcd } from '../../../e2e/etcd-binary.ts';
import { recordingLog } from '../../base/recording-log.ts';

/** Supervised members of one cluster, with real processes in a folder that goes with them. */
export class SampleMembers {
  readonly folder = mkdtempSync(join(tmpdir(), 'stratum-members-'));
  readonly log = recordingLog();
  readonly peers: Record<string, string> = {};
  readonly #running = new Set<EtcdMember>();

  /** Gives every id an address on loopback. */
  static async named(...nodeIds: readonly string[]): Promise<SampleMembers> {
    const members = new SampleMembers();
    for (const id of nodeIds) members.peers[id] = `127.0.0.1:${await chooseMemberPort(systemRandom)}`;
    return members;
  }

  /** The values of a member as a coordinator gives them. */
  async options(nodeId: string, changes: Partial<EtcdMemberOptions> = {}): Promise<EtcdMemberOptions> {
    const searchPath = process.env.PATH ?? '';
    const binary = await findOrInstallEtcd({ searchPath, isRoot: false, servicePolicy: '' });
    return {
      nodeId,
      folder: this.folderOf(nodeId),
      logFile: join(this.folder, `${nodeId}.log`),
      peers: this.peers,
      binary,
      searchPath,
      hasJoinedBefore: false,
      ...changes,
    };
  }

  folderOf(nodeId: string): string {
    return join(this.folder, nodeId);
  }

  /** A member that has started. */
  async start(nodeId: string, changes: Partial<EtcdMemberOptions> = {}): Promise<EtcdMember> {
    const modules = { clock: systemClock, random: systemRandom, log: this.log };
    const member = new EtcdMember(await this.options(nodeId, changes), modules);
    this.#running.add(member);
    await member.start(new AbortController().signal);
    return member;
  }

  async stop(member: EtcdMember): Promise<void> {
    this.#running.delete(member);
    await member.stop();
  }

  async remove(): Promise<void> {
    await Promise.all([...this.#running].map((member) => this.stop(member)));
    rmSync(this.folder, { recursive: true });
  }
}

/** Whether a process runs; one that has ended and that nobody has asked after does not. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false; // There is no such process.
  }
}
