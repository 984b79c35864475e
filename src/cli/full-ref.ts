import type { ClusterConnection } from './connection.ts';
import { RefReader } from './ref-reader.ts';

/** The full name of a ref that is called in full or short; undefined for HEAD, which is the frontend's to follow. */
export async function fullRef(
  cluster: Pick<ClusterConnection, 'metadata'>,
  repo: string,
  name: string,
): Promise<string | undefined> {
  if (name === 'HEAD') return undefined;
  if (name.startsWith('refs/')) return name;
  return new RefReader({ repo }, { metadata: await cluster.metadata() }).fullName(name);
}
