import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { assert } from '../base/errors.ts';
import { type MetricRow, metricTable } from './metrics-table.ts';

type Table = typeof metricTable;

type NameOf<Type extends MetricRow['type']> = {
  [Name in keyof Table]: Table[Name]['type'] extends Type ? Name : never;
}[keyof Table];

/** A value for each label of a metric. */
export type LabelsOf<Name extends keyof Table> = Readonly<Record<Table[Name]['labels'][number], string>>;

/** One value of a gauge. */
export interface GaugeSample<Name extends NameOf<'gauge'>> {
  readonly labels: LabelsOf<Name>;
  readonly value: number;
}

/** The metrics of one process, by the table (metrics-table.ts): a name or a label that is not in it does not compile. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #histograms = new Map<string, Histogram>();
  readonly #readers = new Map<string, () => readonly { readonly labels: object; readonly value: number }[]>();
  #hasProcess = false;

  constructor() {
    for (const [name, row] of Object.entries<MetricRow>(metricTable)) this.#register(name, row);
  }

  /** Raises a counter by one. */
  increment<Name extends NameOf<'counter'>>(name: Name, labels: LabelsOf<Name>): void {
    const counter = this.#counters.get(name);
    assert(counter !== undefined, `${name} is a counter`);
    counter.inc({ ...labels });
  }

  /** Adds a value to a histogram, in the unit that its name ends with. */
  observe<Name extends NameOf<'histogram'>>(name: Name, labels: LabelsOf<Name>, value: number): void {
    const histogram = this.#histograms.get(name);
    assert(histogram !== undefined, `${name} is a histogram`);
    histogram.observe({ ...labels }, value);
  }

  /** From now on a gauge is what `read` answers when somebody looks; nothing while it answers nothing. */
  gauge<Name extends NameOf<'gauge'>>(name: Name, read: () => readonly GaugeSample<Name>[]): void {
    this.#readers.set(name, read);
  }

  /** Adds what the process itself has to tell: processor, memory, event loop, collector. */
  addProcess(): void {
    if (this.#hasProcess) return;
    this.#hasProcess = true;
    collectDefaultMetrics({ register: this.#registry });
  }

  /** The media type of `render`. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics in Prometheus' text format. */
  render(): Promise<string> {
    return this.#registry.metrics();
  }

  #register(name: string, { type, help, labels, buckets = [] }: MetricRow): void {
    const registers = [this.#registry];
    const labelNames = [...labels];
    if (type === 'counter') this.#counters.set(name, new Counter({ name, help, labelNames, registers }));
    else if (type === 'histogram') {
      this.#histograms.set(name, new Histogram({ name, help, labelNames, buckets: [...buckets], registers }));
    } else {
      const samples = () => this.#readers.get(name)?.() ?? [];
      new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect() {
          this.reset();
          // A gauge without labels would stand at 0, which is a value like any other.
          if (labelNames.length === 0) this.remove();
          for (const { labels, value } of samples()) this.set({ ...labels }, value);
        },
      });
    }
  }
}
