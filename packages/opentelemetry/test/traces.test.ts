import { join } from 'node:path'
import { type Lab, startLab } from '@flyroute/lab'
import { describe, expect, test } from '@jest/globals'
import { SpanKind } from '@opentelemetry/api'
import pg from 'pg'

const command = [process.execPath, '--conditions=@flyroute/source', join(import.meta.dirname, 'app/main.ts')]
const clients = { trace: '0af7651916cd43dd8448eb211c80319c', id: 'b7ad6b7169203331' }
const traceparent = `00-${clients.trace}-${clients.id}-01`

interface Span {
  readonly name: string
  readonly kind: SpanKind
  readonly trace: string
  readonly id: string
  readonly parent?: string
  readonly links: readonly string[]
  readonly attributes: Readonly<Record<string, unknown>>
}

async function startTraced(env: Record<string, string> = {}): Promise<Lab> {
  const lab = await startLab({ regions: ['ord', 'ams'], command, env })
  const admin = new pg.Client(lab.databases.primary.adminUrl)
  await admin.connect()
  await admin.query('create table visit (id serial primary key); grant all on visit, visit_id_seq to app')
  await admin.end()
  await lab.databases.caughtUp()
  return lab
}

/** The spans of a request that is replayed, by the Machines that they are of. */
async function spansOf(lab: Lab, headers: Record<string, string> = {}): Promise<Record<'ams' | 'ord', Span[]>> {
  const ask = async (region: string): Promise<Span[]> => {
    const url = `http://127.0.0.1:${lab.machine(region).port}/-/spans`
    return (await (await fetch(url)).json()) as Span[]
  }
  await Promise.all(['ams', 'ord'].map(ask))
  const response = await lab.fetch('ams', '/write', { headers })
  expect(await response.text()).toBe('write')
  expect(lab.journal.entries.at(-1)?.hops).toHaveLength(2)
  return { ams: await ask('ams'), ord: await ask('ord') }
}

describe('a replayed request', () => {
  test('is one trace over both regions, begun by the client or by us', async () => {
    await using lab = await startTraced()
    for (const headers of [{}, { traceparent }]) {
      const { ams, ord } = await spansOf(lab, headers)
      const server = ams.find(({ kind }) => kind === SpanKind.SERVER)
      const replay = ams.find(({ name }) => name === 'flyroute.replay')
      expect(server?.parent).toBe('traceparent' in headers ? clients.id : undefined)
      if ('traceparent' in headers) expect(server?.trace).toBe(clients.trace)
      expect(replay).toMatchObject({ trace: server?.trace, parent: server?.id, kind: SpanKind.CLIENT })
      expect(replay?.attributes).toEqual({
        'flyroute.replay.reason': 'write',
        'flyroute.replay.target': 'ord',
        'flyroute.replay.detail': 'insert',
      })
      expect(ord).toMatchObject([{ kind: SpanKind.SERVER, trace: server?.trace, parent: replay?.id, links: [] }])
      expect(ord[0]?.attributes).toMatchObject({ 'flyroute.replayed.reason': 'write', 'flyroute.replayed.from': 'ams' })
    }
  })

  test('keeps the trace of its client, whatever another client says that it is of', async () => {
    await using lab = await startTraced()
    const forged = `region=ams;state=flyroute:write/00-${'1'.repeat(32)}-${'2'.repeat(16)}-01@app`
    const response = await lab.fetch('ord', '/read', { headers: { traceparent, 'fly-replay-src': forged } })
    expect(await response.text()).toBe('read')
    const spans = (await (await fetch(`http://127.0.0.1:${lab.machine('ord').port}/-/spans`)).json()) as Span[]
    expect(spans).toMatchObject([{ trace: clients.trace, parent: clients.id, links: ['2'.repeat(16)] }])
  })

  test('without the propagator is two, of which the second has a link to the first', async () => {
    await using lab = await startTraced({
      WITHOUT_PROPAGATOR: '1',
      FLYROUTE_SECRET: 'a key of more than sixteen characters',
    })
    const { ams, ord } = await spansOf(lab)
    const replay = ams.find(({ name }) => name === 'flyroute.replay')
    expect(ord).toHaveLength(1)
    expect(ord[0]?.trace).not.toBe(replay?.trace)
    expect(ord[0]?.links).toEqual([replay?.id])
  })
})
