import { randomBytes } from 'node:crypto';
import type { MetadataApi } from '../../src/client/metadata-api.ts';
import {
  CreateRepoRequest,
  type RefCommand,
  type Repo,
  UpdateRefsRequest,
} from '../../src/rpc/gen/stratum/v1/metadata.ts';

/** The value of a ref that does not exist. */
export const zero = '0'.repeat(40);

/** The object id with a number. */
export const idOf = (number: number) => number.toString(16).padStart(40, '0');

/** Creates a repository. */
export async function newRepo(client: MetadataApi, name: string): Promise<Repo> {
  const { repo } = await client.createRepo(CreateRepoRequest.create({ name }));
  if (repo === undefined) throw new Error('the answer holds no repository');
  return repo;
}

/** What a push of some refs asks. */
export function pushRequest(repo: Pick<Repo, 'name' | 'id'>, commands: RefCommand[]): UpdateRefsRequest {
  const named = { repo: repo.name, repoId: repo.id, actor: 'anonymous' };
  return UpdateRefsRequest.create({ ...named, commands, pushId: randomBytes(16) });
}

/** Pushes refs, which must all be taken. */
export async function push(client: MetadataApi, repo: Repo, commands: RefCommand[]): Promise<void> {
  const { results } = await client.updateRefs(pushRequest(repo, commands));
  const refused = results.find(({ updated }) => !updated);
  if (refused !== undefined) throw new Error(`a push was refused: ${refused.errorMessage}`);
}

/** Moves one ref from each value to the next, at its owner's pace: nobody else may push it. */
export class RefMover {
  readonly repo: Repo;
  readonly #client: MetadataApi;
  readonly #name: string;
  #value = 0;

  constructor(client: MetadataApi, repo: Repo, name = 'refs/heads/main') {
    this.repo = repo;
    this.#client = client;
    this.#name = name;
  }

  async move(): Promise<void> {
    const [oldId, newId] = [idOf(this.#value), idOf(this.#value + 1)];
    await push(this.#client, this.repo, [{ name: this.#name, oldId, newId, newPeeledId: '' }]);
    this.#value += 1;
  }
}
