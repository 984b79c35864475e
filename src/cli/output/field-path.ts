import { StratumError } from '../../base/errors.ts';
import { nearest } from '../nearest.ts';
import { toJson } from './json.ts';

/** The value at a path such as "items[0].oid"; USAGE when there is none, with the keys that there are. */
export function fieldAt(root: unknown, path: string): unknown {
  let value = root;
  let walked = '';
  for (const step of steps(path)) {
    const keys = typeof value === 'object' && value !== null ? Object.keys(value) : [];
    if (!keys.includes(step)) throw missing(path, walked, step, keys);
    value = (value as Record<string, unknown>)[step];
    walked = walked === '' ? step : `${walked}.${step}`;
  }
  return value;
}

/** A single value for a shell variable: text as it is, anything else as JSON. */
export function rawValue(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'object') return toJson(value);
  return String(value);
}

/** The keys of a path in order; brackets and dots mean the same. */
export function steps(path: string): string[] {
  const found = path.replaceAll(/\[(\d+)\]/g, '.$1').split('.');
  return found[0] === '' ? found.slice(1) : found;
}

function missing(path: string, walked: string, step: string, keys: readonly string[]): StratumError {
  const where = walked === '' ? 'the result' : walked;
  const meant = nearest(step, keys);
  const listed = keys.length === 0 ? `${where} has no fields` : `${where} has ${keys.slice(0, 30).join(', ')}`;
  return new StratumError('USAGE', `--field ${path}: there is no "${step}"`, undefined, {
    hint: meant === undefined ? listed : `did you mean "${meant}"? ${listed}`,
  });
}
