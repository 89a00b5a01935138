import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'

/** A metrics endpoint as an app has it, and what Prometheus finds there. */
export class Endpoint implements AsyncDisposable {
  readonly provider: MeterProvider
  readonly #server: ReturnType<typeof createServer>

  constructor() {
    const exporter = new PrometheusExporter({ preventServerStart: true })
    this.provider = new MeterProvider({ readers: [exporter] })
    this.#server = createServer((request, response) => exporter.getMetricsRequestHandler(request, response)).listen(0)
  }

  async scrape(): Promise<Scrape> {
    const { port } = this.#server.address() as AddressInfo
    return scrape(`http://127.0.0.1:${port}/metrics`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    await this.provider.shutdown()
  }
}

/** Asks an endpoint as Prometheus does. */
export async function scrape(url: string): Promise<Scrape> {
  return new Scrape(await (await fetch(url)).text())
}

type Labels = Readonly<Record<string, string>>

/** What an endpoint has answered. */
export class Scrape {
  readonly text: string
  readonly series: readonly { readonly name: string; readonly labels: Labels; readonly value: number }[]

  constructor(text: string) {
    this.text = text
    this.series = text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const [, name = '', labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)/.exec(line) ?? []
        const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text] as const)
        // Which library has measured it is the same everywhere.
        const own = pairs.filter(([key]) => !key?.startsWith('otel_scope'))
        return { name, labels: Object.fromEntries(own), value: Number(value) }
      })
  }

  /** The values of a metric by its labels' values, in the order of the labels' names. */
  of(name: string): Record<string, number> {
    const found = this.series.filter((one) => one.name === name)
    return Object.fromEntries(found.map(({ labels, value }) => [Object.values(labels).join(' '), value]))
  }

  /** The sum of a metric's series. */
  sum(name: string): number {
    return Object.values(this.of(name)).reduce((sum, value) => sum + value, 0)
  }

  get names(): readonly string[] {
    return [...new Set(this.series.map(({ name }) => name))]
  }
}
