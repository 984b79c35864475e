import type {
  CacheExplanation,
  CloneQuestion,
  MaintenanceProgress,
  MaintenanceRequest,
  PurgeRequest,
} from '../../../../src/client/frontend-api.ts';
import type { FrontendControl, FrontendRpcModules } from '../../../../src/node/frontend/frontend-control.ts';
import type { CallContext } from '../../../../src/rpc/handlers.ts';
import { sampleProgress, sampleStats } from '../../cli/fake-frontend.ts';

/** A call that nobody cancels. */
export function sampleCall(changes: Partial<CallContext> = {}): CallContext {
  return { signal: new AbortController().signal, peer: '127.0.0.1', ...changes };
}

/** What a frontend may be asked, with answers that a test gives it. */
export class SampleControl implements FrontendControl {
  counts = sampleStats();
  explanation: CacheExplanation = {
    verdict: 'miss',
    reason: 'nobody asked for it yet',
    key: undefined,
    ref: 'refs/heads/main',
    objectId: 'c'.repeat(40),
    entry: undefined,
  };
  steps: readonly MaintenanceProgress[] = [sampleProgress('lease'), sampleProgress('done')];
  /** Resolves before each step. */
  beforeStep: () => Promise<unknown> = () => Promise.resolve();
  readonly asked: (CloneQuestion | PurgeRequest | MaintenanceRequest)[] = [];
  readonly signals: AbortSignal[] = [];

  stats() {
    return this.counts;
  }

  async explain(question: CloneQuestion, signal: AbortSignal) {
    this.#note(question, signal);
    return this.explanation;
  }

  async warm(question: CloneQuestion, signal: AbortSignal) {
    this.#note(question, signal);
    return { wasStored: true, sizeBytes: 4_096, ref: question.ref ?? 'refs/heads/main', objectId: 'c'.repeat(40) };
  }

  async purge(request: PurgeRequest, signal: AbortSignal) {
    this.#note(request, signal);
    return { entries: 1, entryBytes: 2, repositories: 3, repositoryBytes: 4 };
  }

  async *maintain(request: MaintenanceRequest, signal: AbortSignal) {
    this.#note(request, signal);
    for (const step of this.steps) {
      await this.beforeStep();
      yield step;
    }
  }

  #note(asked: CloneQuestion | PurgeRequest | MaintenanceRequest, signal: AbortSignal): void {
    this.asked.push(asked);
    this.signals.push(signal);
  }
}

/** A control, and the modules of the RPCs on it. */
export function sampleControl(): { control: SampleControl; modules: FrontendRpcModules } {
  const control = new SampleControl();
  return { control, modules: { nodeId: 'frontend-1', control } };
}
