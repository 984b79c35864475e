import type { ObjectFormat } from '../rpc/gen/stratum/v1/metadata.ts';

/** The wire's number of a Git object format. Written out, because the generated module loads gRPC. */
export function wireFormat(name: string): ObjectFormat {
  return name === 'sha256' ? 2 : 1;
}
