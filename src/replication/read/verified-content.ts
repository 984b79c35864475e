import { hash } from 'node:crypto';
import { StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import type { SmallBlobAnswer } from '../../store/blob-store.ts';
import { corruptCopy } from './read-findings.ts';

/**
 * The content of a node's answer when it hashes to the id. BLOB_NOT_FOUND when the node lacks the blob,
 * CHECKSUM_MISMATCH when its copy is damaged, NOT_READY when it cannot say.
 */
export function verifiedContent(oid: Oid, nodeId: string, answer: SmallBlobAnswer | undefined): Buffer | StratumError {
  switch (answer?.presence) {
    case 'PRESENT': {
      const got = hash('sha256', answer.content);
      return got === oid ? answer.content : corruptCopy(oid, nodeId, got);
    }
    case 'MISSING':
      return new StratumError('BLOB_NOT_FOUND', `${nodeId} has no blob ${oid}`, { kind: 'blob', id: oid });
    case 'CORRUPT': {
      const details = { oid, nodeId, expected: oid, got: '' };
      return new StratumError('CHECKSUM_MISMATCH', `the copy of blob ${oid} at ${nodeId} is damaged`, details);
    }
    default:
      return new StratumError('NOT_READY', `${nodeId} cannot say whether it has blob ${oid}`, { what: 'blob' });
  }
}
