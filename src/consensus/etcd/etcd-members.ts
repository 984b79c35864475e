import type { Etcd3, IMember, IStatusResponse } from 'etcd3';
import type { StoreMember, StoreStatus } from './coordination-store.ts';

type CallOptions = { readonly deadline: number };

/** What a look at one URL brought. */
interface Look {
  readonly url: string;
  readonly status?: IStatusResponse;
  readonly error?: string;
}

/** Who the members of an etcd cluster are, and how they are. */
export class EtcdMembers {
  readonly #endpoints: readonly string[];
  readonly #asksMembers: boolean;
  readonly #etcd: Etcd3;
  readonly #connect: (url: string) => Etcd3;
  readonly #clients = new Map<string, Etcd3>();

  constructor(
    options: { readonly endpoints: readonly string[]; readonly asksMembers: boolean },
    modules: { readonly etcd: Etcd3; readonly connect: (url: string) => Etcd3 },
  ) {
    this.#endpoints = options.endpoints;
    this.#asksMembers = options.asksMembers;
    this.#etcd = modules.etcd;
    this.#connect = modules.connect;
  }

  /**
   * Asks every endpoint, and members that no endpoint led to at the URL that they name themselves.
   * Rejects only when no endpoint answers. `options` bounds each of the two rounds.
   */
  async status(options: () => CallOptions): Promise<StoreStatus> {
    const looks = await Promise.all(this.#endpoints.map((url) => this.#look(url, options())));
    const { members } = await this.#etcd.cluster.memberList({}, options());
    const answers = new Map<string, string | undefined>();
    for (const { status } of looks) if (status !== undefined) answers.set(etcdId(status.header.member_id), undefined);
    const asked = this.#asksMembers ? members : [];
    const silent = asked.filter(({ ID, clientURLs }) => !answers.has(etcdId(ID)) && clientURLs.length > 0);
    await Promise.all(
      silent.map(async ({ ID, clientURLs: [url = ''] }) => {
        const look = looks.find((each) => each.url === url) ?? (await this.#look(url, options()));
        answers.set(etcdId(ID), failureOf(look, ID));
      }),
    );
    const best = newest(looks.flatMap(({ status }) => status ?? []));
    if (best === undefined) throw new Error(looks.map(({ url, error }) => `${url}: ${error}`).join('; '));
    return {
      leaderEngineId: best.leader === '0' ? '' : etcdId(best.leader),
      raftTerm: BigInt(best.raftTerm),
      committedIndex: BigInt(best.raftIndex),
      appliedIndex: BigInt(best.raftAppliedIndex),
      members: members.map(storeMember),
      alarms: [...new Set(looks.flatMap(({ status }) => status?.errors ?? []))],
      answers,
    };
  }

  async add(peerAddress: string): Promise<void> {
    await this.#etcd.cluster.memberAdd({ peerURLs: [`http://${peerAddress}`] });
  }

  async remove(engineId: string): Promise<void> {
    await this.#etcd.cluster.memberRemove({ ID: BigInt(`0x${engineId}`).toString() });
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  async #look(url: string, options: CallOptions): Promise<Look> {
    const client = this.#clients.get(url) ?? this.#connect(url);
    this.#clients.set(url, client);
    try {
      return { url, status: await client.maintenance.status(options) };
    } catch (error) {
      return { url, error: error instanceof Error ? error.message : String(error) };
    }
  }
}

/** Why a member did not answer at its URL; undefined when it did. */
function failureOf({ url, status, error }: Look, id: string): string | undefined {
  if (status === undefined) return `${url}: ${error ?? ''}`;
  return status.header.member_id === id ? undefined : `${url}: another member answers there`;
}

/** The member that has seen most: one that is cut off still answers, with what it knew. */
function newest(statuses: readonly IStatusResponse[]): IStatusResponse | undefined {
  const rank = ({ raftTerm, raftIndex }: IStatusResponse) => [BigInt(raftTerm), BigInt(raftIndex)] as const;
  return statuses.toSorted((left, right) => {
    const [leftTerm, leftIndex] = rank(left);
    const [rightTerm, rightIndex] = rank(right);
    const difference = leftTerm === rightTerm ? rightIndex - leftIndex : rightTerm - leftTerm;
    return difference > 0n ? 1 : difference < 0n ? -1 : 0;
  })[0];
}

function storeMember({ ID, name, peerURLs, clientURLs }: IMember): StoreMember {
  return {
    engineId: etcdId(ID),
    name,
    peerAddress: (peerURLs[0] ?? '').replace(/^https?:\/\//, ''),
    clientUrls: clientURLs,
  };
}

/** An id as etcd's own tools print it. */
function etcdId(id: string): string {
  return BigInt(id).toString(16);
}
