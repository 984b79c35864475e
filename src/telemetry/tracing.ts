import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { explain } from '../base/errors.ts';
import type { Part } from '../base/lifecycle.ts';
import type { Logger } from '../base/log.ts';

/** Who traces. */
export interface TracingOptions {
  readonly nodeId: string;
  readonly version: string;
}

/** What tracing needs. */
export interface TracingModules {
  readonly clock: Clock;
  readonly log: Logger;
}

/** What the last spans may take at a stop, in milliseconds: a collector that hangs must not hold up the process. */
const flushTimeoutMs = 3_000;

/** A call that this process makes to an object node. */
interface OutgoingCall {
  readonly nodeId: string;
  readonly endpoint: string;
  readonly method: string;
  readonly blobCount: number;
}

/** A call that this process serves. */
interface ServedCall {
  readonly method: string;
  readonly isBidirectional: boolean;
  readonly traceparent: string | undefined;
}

/**
 * Traces of the calls between this process and object nodes, sent by OTLP over HTTP to the collector
 * that the standard OTEL_EXPORTER_OTLP_* variables name. Spans wait in a bounded queue: a collector that
 * does not keep up, or is away, costs spans and nothing else. This module loads the SDK: import it lazily.
 */
export class Tracing implements Part {
  readonly name = 'tracing';
  readonly #nodeId: string;
  readonly #modules: TracingModules;
  readonly #provider: TracerProvider;
  readonly #tracer: Tracer;
  readonly #current = new AsyncLocalStorage<Context>();

  constructor({ nodeId, version }: TracingOptions, modules: TracingModules) {
    this.#nodeId = nodeId;
    this.#modules = modules;
    const spanProcessors = [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })];
    this.#provider = new TracerProvider({ spanProcessors, resource: resourceOf(nodeId, version) });
    this.#tracer = this.#provider.getTracer('stratum', version);
  }

  /** Sends what waits; spans that a collector does not take are no reason to fail. */
  async stop(): Promise<void> {
    const { clock, log } = this.#modules;
    try {
      await withDeadline(clock, 'sending the last spans', flushTimeoutMs, () => this.#provider.shutdown());
    } catch (error) {
      log.warn({ error: explain(error) }, 'the last spans could not be sent');
    }
  }

  /** Begins the span of a call to an object node; what `within` calls is its child, on the other side too. */
  calling({ nodeId, endpoint, method, blobCount }: OutgoingCall) {
    const parent = this.#current.getStore() ?? ROOT_CONTEXT;
    const attributes = {
      'stratum.node': this.#nodeId,
      'stratum.peer': nodeId,
      'server.address': endpoint,
      'rpc.method': method,
      'stratum.blobs': blobCount,
    };
    const span = this.#tracer.startSpan(`object ${method}`, { kind: SpanKind.CLIENT, attributes }, parent);
    const context = trace.setSpan(parent, span);
    return {
      within: <T>(work: () => Promise<T>): Promise<T> => this.#current.run(context, work),
      end: (result: string, bytes: number) => {
        span.setAttribute('stratum.bytes', bytes);
        endSpan(span, result);
      },
    };
  }

  /** Begins the span of a call that is served, as the child of its caller's. */
  serving({ method, isBidirectional, traceparent }: ServedCall) {
    // Such a stream carries the calls of many callers, for hours.
    if (isBidirectional) return { ended: () => undefined };
    const attributes = { 'stratum.node': this.#nodeId, 'rpc.method': method };
    const options = { kind: SpanKind.SERVER, attributes };
    const span = this.#tracer.startSpan(`ObjectService.${method}`, options, contextOf(traceparent));
    return { ended: (code: string) => endSpan(span, code) };
  }

  /** Where a call that is made now belongs, as W3C Trace Context writes it; undefined outside of all spans. */
  traceparent(): string | undefined {
    const span = trace.getSpanContext(this.#current.getStore() ?? ROOT_CONTEXT);
    if (span === undefined) return undefined;
    return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, '0')}`;
  }
}

/** What the spans are of: one service, each process an instance of it; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come first. */
function resourceOf(nodeId: string, version: string) {
  const own = { 'service.name': 'stratum', 'service.version': version, 'service.instance.id': nodeId };
  const given = detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] });
  return defaultResource().merge(resourceFromAttributes(own)).merge(given);
}

function endSpan(span: Span, result: string): void {
  span.setAttribute('stratum.result', result);
  if (result !== 'OK') span.setStatus({ code: SpanStatusCode.ERROR, message: result });
  span.end();
}

/** https://www.w3.org/TR/trace-context/#traceparent-header; anything else begins a trace of its own. */
function contextOf(traceparent: string | undefined): Context {
  const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT;
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED;
  const spanContext = { traceId, spanId, traceFlags, isRemote: true };
  return trace.isSpanContextValid(spanContext) ? trace.setSpanContext(ROOT_CONTEXT, spanContext) : ROOT_CONTEXT;
}
