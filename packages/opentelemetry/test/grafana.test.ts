import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FlyrouteInstrumentation } from '@flyroute/opentelemetry'
import { beforeAll, expect, test } from '@jest/globals'
import { Endpoint, type Scrape } from './support/scrape.ts'
import { tellAll } from './support/tell.ts'

interface Dashboard {
  readonly panels: readonly { readonly id: number; readonly title: string; readonly targets: { expr: string }[] }[]
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] }
}

const file = join(import.meta.dirname, '../grafana.json')
const dashboard = JSON.parse(readFileSync(file, 'utf8')) as Dashboard
const expressions = dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const))
/** What a query selects: by name, or by a pattern of names, with its labels. */
const selector = /(?:\b((?:flyroute|db)_\w+)\{|\{__name__=~"([^"]+)", )/g
let scrape: Scrape

beforeAll(async () => {
  await using endpoint = new Endpoint()
  const instrumentation = new FlyrouteInstrumentation({ meterProvider: endpoint.provider })
  instrumentation.enable()
  tellAll()
  scrape = await endpoint.scrape()
  instrumentation.disable()
})

/** The names that are printed and that a query selects; none where it selects nothing. */
function selected(expr: string): string[] {
  return [...expr.matchAll(selector)].flatMap(([text, name, pattern]) => {
    const found = scrape.names.filter((printed) => printed === name || new RegExp(`^(?:${pattern})$`).test(printed))
    if (found.length === 0) throw new Error(`Nothing is printed that ${text} selects`)
    return found
  })
}

test.each(expressions)('%s: what is asked for is there', (_, expr) => {
  const names = selected(expr)
  expect(names.length).toBeGreaterThan(0)
  // Fly's Prometheus adds these two, and histograms have the bound of their bucket.
  const own = ['app', 'region', '__name__', 'le']
  const grouped = [...expr.matchAll(/by \(([\w, ]+)\)/g)].flatMap(([, labels = '']) => labels.split(', '))
  const matched = [...expr.matchAll(/(\w+)(?:=~|!~|!=|=)"/g)].map(([, label = '']) => label)
  const printed = new Set(
    scrape.series.filter(({ name }) => names.includes(name)).flatMap(({ labels }) => Object.keys(labels)),
  )
  for (const label of [...grouped, ...matched]) {
    if (!own.includes(label))
      expect({ expr, labels: [...printed] }).toMatchObject({ labels: expect.arrayContaining([label]) })
  }
})

test('every metric is shown', () => {
  const shown = new Set(expressions.flatMap(([, expr]) => selected(expr)))
  const base = (name: string): string => name.replace(/_(bucket|sum|count)$/, '')
  const missing = scrape.names.filter((name) => ![...shown].some((one) => base(one) === base(name)))
  expect(missing).toEqual(['target_info'])
})

test('panels have numbers of their own, and name no data source of ours', () => {
  const ids = dashboard.panels.map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  const sources = [...readFileSync(file, 'utf8').matchAll(/"uid": "([^"]+)"/g)].map(([, uid]) => uid)
  expect(new Set(sources)).toEqual(new Set(['flyroute', '${datasource}']))
})
