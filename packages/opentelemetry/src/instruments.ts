import { type Histogram, type Meter, type Observable, type ObservableCallback, ValueType } from '@opentelemetry/api'
import { Series } from './series.ts'

/** What is said of an instrument. */
export interface About {
  readonly name: string
  /** As UCUM writes it. */
  readonly unit: string
  readonly description: string
}

/** What takes values whether or not there is a meter, and reports to the one that there is. */
export interface Instrument {
  /** @returns what ends that */
  reportTo(meter: Meter): () => void
}

function report(instrument: Observable, callback: ObservableCallback): () => void {
  instrument.addCallback(callback)
  return () => instrument.removeCallback(callback)
}

/** How often something has happened. Counted by ourselves: an SDK's counter takes a microsecond, and statements are many. */
export class Count implements Instrument {
  readonly #about: About
  readonly #series: Series<number>

  /**
   * @param attributes their names
   * @param most how many series there are, but for the one of the rest
   */
  constructor(about: About, attributes: readonly string[], most: number) {
    this.#about = about
    this.#series = new Series(attributes, most, 0)
  }

  /** @param values of the attributes, in their order */
  add(first: string, second?: string, third?: string): void {
    this.#series.at(first, second, third).value++
  }

  reportTo(meter: Meter): () => void {
    const { name, ...options } = this.#about
    return report(meter.createObservableCounter(name, { ...options, valueType: ValueType.INT }), (result) => {
      for (const { value, attributes } of this.#series) result.observe(value, attributes)
    })
  }
}

/** What was last told, and when (by `performance.now()`). */
interface Told {
  readonly value: number
  readonly at: number
}

/** What is so now, by database. */
export class Gauge implements Instrument {
  readonly #about: About
  readonly #ageMs: number
  readonly #series: Series<Told | undefined>

  /**
   * @param most how many databases have a series of their own
   * @param ageMs for how long (ms) a value counts: an old one would look like a new one. Default: for ever.
   */
  constructor(about: About, most: number, ageMs: number = Number.POSITIVE_INFINITY) {
    this.#about = about
    this.#ageMs = ageMs
    this.#series = new Series<Told | undefined>(['database'], most, undefined)
  }

  /** @param value undefined where it is not known */
  tell(database: string, value: number | undefined): void {
    this.#series.at(database).value = value === undefined ? undefined : { value, at: performance.now() }
  }

  reportTo(meter: Meter): () => void {
    const { name, ...options } = this.#about
    return report(meter.createObservableGauge(name, options), (result) => {
      const now = performance.now()
      for (const { value: told, attributes } of this.#series) {
        if (told !== undefined && now - told.at <= this.#ageMs) result.observe(told.value, attributes)
      }
    })
  }
}

/** How long something takes. Without a meter nothing is kept. */
export class Durations implements Instrument {
  readonly #about: About
  readonly #bounds: number[]
  readonly #series: Series<undefined> | undefined
  #histogram: Histogram | undefined

  /**
   * @param bounds of the buckets, in seconds
   * @param attributes as of `Count`. Default: none.
   */
  constructor(about: About, bounds: readonly number[], attributes: readonly string[] = [], most = 0) {
    this.#about = about
    this.#bounds = [...bounds]
    this.#series = attributes.length === 0 ? undefined : new Series<undefined>(attributes, most, undefined)
  }

  /** @param values of the attributes, in their order; undefined leaves one out */
  record(ms: number, first?: string, second?: string, third?: string): void {
    this.#histogram?.record(ms / 1_000, this.#series?.at(first, second, third).attributes)
  }

  reportTo(meter: Meter): () => void {
    const { name, ...options } = this.#about
    this.#histogram = meter.createHistogram(name, { ...options, advice: { explicitBucketBoundaries: this.#bounds } })
    return () => {
      this.#histogram = undefined
    }
  }
}
