import { StratumError } from '../base/errors.ts';
import type { FrontendApi, MaintenanceProgress, MaintenanceRequest } from '../client/frontend-api.ts';
import type { AnyFrontend } from './any-frontend.ts';
import { type MaintenanceItem, maintenanceItem } from './listings/maintenance-listing.ts';

/** How a repacking is followed. */
export interface FollowOptions {
  /** Leave it as soon as it has begun. */
  readonly detach: boolean;
  /** Ends the following; the work goes on. */
  readonly signal: AbortSignal;
}

/** What following needs. */
export interface FollowModules {
  readonly any: AnyFrontend;
  readonly onStep: (progress: MaintenanceProgress) => void;
  /** Called when the following ends early, with the frontend that goes on. */
  readonly onLeft: (nodeId: string) => Promise<void>;
}

interface Begun {
  readonly frontend: FrontendApi;
  readonly first: MaintenanceProgress;
  readonly steps: AsyncGenerator<MaintenanceProgress, void, undefined>;
}

/** Has a frontend repack a repository, and follows it to the end. The next frontend is asked only while none has begun. */
export async function followMaintenance(
  request: MaintenanceRequest,
  { detach, signal }: FollowOptions,
  { any, onStep, onLeft }: FollowModules,
): Promise<MaintenanceItem> {
  const { frontend, first, steps } = await any.ask((each) => begin(each, request, signal));
  let last = first;
  try {
    onStep(last);
    while (!detach && !last.done) {
      const next = await steps.next();
      if (next.done === true) break;
      last = next.value;
      onStep(last);
    }
  } catch (error) {
    if (signal.aborted) await onLeft(frontend.nodeId);
    throw error;
  } finally {
    await steps.return();
  }
  return maintenanceItem(request.repo, frontend.nodeId, last);
}

async function begin(frontend: FrontendApi, request: MaintenanceRequest, signal: AbortSignal): Promise<Begun> {
  const steps = frontend.maintainRepo(request, signal);
  const first = await steps.next();
  if (first.done !== true) return { frontend, first: first.value, steps };
  const { nodeId, endpoint } = frontend;
  throw new StratumError('UNREACHABLE', `${nodeId} has not begun to repack ${request.repo}`, { endpoint });
}
