import { type MeterProvider, metrics, type TracerProvider, trace } from '@opentelemetry/api'
import { Figures } from './figures.ts'
import { metricsOf } from './metrics.ts'
import { listen } from './subscriptions.ts'
import { tracesOf } from './traces.ts'

/** What is observed, and where it goes. */
export interface FlyrouteInstrumentationConfig {
  /** Whether it is enabled: as OpenTelemetry's own instrumentations say it. */
  readonly enabled?: boolean
  /** Where metrics go. Default: the global one. */
  readonly meterProvider?: MeterProvider
  /** Where spans go. Default: the global one. */
  readonly tracerProvider?: TracerProvider
}

/**
 * Metrics and spans of what flyroute tells: how many statements and requests are served where, what is replayed and why, how far
 * replicas are behind. It patches nothing, needs no place in the order in which modules are loaded, and says nothing of SQL, paths or
 * secrets.
 *
 * It has the shape of OpenTelemetry's instrumentations, for `NodeSDK` and `registerInstrumentations`. By itself: `enable()`.
 *
 * @example
 * const instrumentation = new FlyrouteInstrumentation({ meterProvider })
 * instrumentation.enable()
 */
export class FlyrouteInstrumentation {
  readonly instrumentationName: string = '@flyroute/opentelemetry'
  /** Not told: metrics do not begin anew with each release. */
  readonly instrumentationVersion: string = ''
  #config: FlyrouteInstrumentationConfig
  readonly #figures: Figures = new Figures()
  #ends: (() => void)[] = []

  constructor(config: FlyrouteInstrumentationConfig = {}) {
    this.#config = config
  }

  /** Begins to observe. A second time changes nothing. */
  enable(): void {
    if (this.#ends.length > 0) return
    const { meterProvider = metrics.getMeterProvider(), tracerProvider = trace.getTracerProvider() } = this.#config
    const { instrumentationName: name } = this
    const meter = meterProvider.getMeter(name)
    this.#ends = this.#figures.all.map((figure) => figure.reportTo(meter))
    this.#ends.push(listen(tracesOf(tracerProvider.getTracer(name))), listen(metricsOf(this.#figures)))
  }

  /** Ends it. What was counted is kept, and reported when it is enabled again. */
  disable(): void {
    for (const end of this.#ends) end()
    this.#ends = []
  }

  setMeterProvider(meterProvider: MeterProvider): void {
    this.setConfig({ ...this.#config, meterProvider })
  }

  setTracerProvider(tracerProvider: TracerProvider): void {
    this.setConfig({ ...this.#config, tracerProvider })
  }

  /** Where it is enabled, it goes on with that. */
  setConfig(config: FlyrouteInstrumentationConfig): void {
    const wasEnabled = this.#ends.length > 0
    this.disable()
    this.#config = config
    if (wasEnabled) this.enable()
  }

  getConfig(): FlyrouteInstrumentationConfig {
    return { ...this.#config, enabled: this.#ends.length > 0 }
  }
}
