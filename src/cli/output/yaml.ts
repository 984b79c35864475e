import { stringify } from 'yaml';
import { toJson } from './json.ts';

/** A value as YAML; through JSON, so that both forms carry the same types. */
export function renderYaml(value: unknown): string {
  return stringify(JSON.parse(toJson(value)));
}
