import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { assert } from '../base/errors.ts';
import { type MetricRow, metricTable } from './metrics-table.ts';

type Table = typeof metricTable;

type NameOf<Type extends MetricRow['type']> = {
  [Name in keyof Table]: Table[Name]['type'] extends Type ? Name : never;
}[keyof Table];

/** A value for each label of a metric. */
export type LabelsOf<Name extends keyof Table> = Readonly<Record<Table[Name]['labels'][number], string>>;

/** One value of a metric that is read. */
export interface Sample<Name extends keyof Table> {
  readonly labels: LabelsOf<Name>;
  readonly value: number;
}

/** Answers when somebody looks. */
export type SampleReader<Name extends keyof Table> = () => readonly Sample<Name>[] | Promise<readonly Sample<Name>[]>;

const nodeMetrics = Object.entries<MetricRow>(metricTable).flatMap(([name, { labels }]) =>
  labels.includes('node') ? [name] : [],
);

/** The metrics of one process, by the table (metrics-table.ts): a name or a label that is not in it does not compile. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #histograms = new Map<string, Histogram>();
  readonly #readers = new Map<string, AnyReader>();
  #hasProcess = false;

  constructor() {
    for (const [name, row] of Object.entries<MetricRow>(metricTable)) this.#register(name, row);
  }

  /** Raises a counter, by one unless more is given. */
  increment<Name extends NameOf<'counter'>>(name: Name, labels: LabelsOf<Name>, by = 1): void {
    const counter = this.#counters.get(name);
    assert(counter !== undefined, `${name} is a counter`);
    counter.inc({ ...labels }, by);
  }

  /** Adds a value to a histogram, in the unit that its name ends with. */
  observe<Name extends NameOf<'histogram'>>(name: Name, labels: LabelsOf<Name>, value: number): void {
    const histogram = this.#histograms.get(name);
    assert(histogram !== undefined, `${name} is a histogram`);
    histogram.observe({ ...labels }, value);
  }

  /** From now on a gauge is what `read` answers when somebody looks; nothing while it answers nothing. */
  gauge<Name extends NameOf<'gauge'>>(name: Name, read: SampleReader<Name>): void {
    this.#readers.set(name, read);
  }

  /** From now on a counter is what `read` answers when somebody looks: somebody else counts. */
  total<Name extends NameOf<'counter'>>(name: Name, read: SampleReader<Name>): void {
    this.#readers.set(name, read);
  }

  /** Drops the series of a node that has left, so that names that come and go do not add up. */
  async forgetNode(nodeId: string): Promise<void> {
    for (const name of nodeMetrics) {
      const metric = this.#counters.get(name) ?? this.#histograms.get(name);
      const { values = [] } = (await metric?.get()) ?? {};
      for (const { labels } of values) {
        const { le: _, ...own } = labels;
        if (own.node === nodeId) metric?.remove(own);
      }
    }
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
    const read = () => this.#readers.get(name)?.();
    if (type === 'counter') {
      const counter: Counter = new Counter({
        name,
        help,
        labelNames,
        registers,
        collect: () => readCounter(counter, read),
      });
      this.#counters.set(name, counter);
    } else if (type === 'histogram') {
      this.#histograms.set(name, new Histogram({ name, help, labelNames, buckets: [...buckets], registers }));
    } else {
      const gauge: Gauge = new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect: () => readGauge(gauge, labelNames.length === 0, read),
      });
    }
  }
}

interface AnySample {
  readonly labels: object;
  readonly value: number;
}

type AnyReader = () => readonly AnySample[] | Promise<readonly AnySample[]>;

async function readCounter(counter: Counter, read: () => ReturnType<AnyReader> | undefined): Promise<void> {
  const samples = await read();
  if (samples === undefined) return;
  counter.reset();
  for (const { labels, value } of samples) counter.inc({ ...labels }, value);
}

async function readGauge(
  gauge: Gauge,
  hasNoLabels: boolean,
  read: () => ReturnType<AnyReader> | undefined,
): Promise<void> {
  const samples = (await read()) ?? [];
  gauge.reset();
  // A gauge without labels would stand at 0, which is a value like any other.
  if (hasNoLabels) gauge.remove();
  for (const { labels, value } of samples) gauge.set({ ...labels }, value);
}
