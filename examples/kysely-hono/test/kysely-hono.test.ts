import { Client } from '@flyroute/demo/client'
import { type Lab, startLab } from '@flyroute/lab'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

let lab: Lab
beforeAll(async () => {
  lab = await startLab({
    regions: ['ord', 'ams'],
    primaryRegion: 'ord',
    rtt: { 'ord-ams': 30 },
    replicaVariables: 'local',
    command: ['node', 'src/server.ts'],
    setup: ['node', 'src/migrate.ts'],
    cwd: 'examples/kysely-hono',
  })
}, 60_000)
afterAll(() => lab?.dispose())

test('reads locally, writes at home, and the author reads what was written', async () => {
  const author = new Client(lab, 'ams')
  expect(await author.get('/posts')).toMatchObject({ status: 200, route: 'ams', member: 'replica' })
  const written = await author.post('/posts', { title: 'Here I am' })
  expect(written).toMatchObject({ status: 201, route: 'ams → ord', body: { title: 'Here I am' } })
  const own = await author.get('/posts')
  expect(own.body).toContainEqual(expect.objectContaining({ title: 'Here I am' }))
})

test('a GET that writes is replayed at its statement', async () => {
  const { body } = await new Client(lab, 'ord').post('/posts', { title: 'Read me' })
  const { id } = body as { id: number }
  const visit = await new Client(lab, 'ams').get(`/posts/${id}`)
  expect(visit).toMatchObject({ status: 200, route: 'ams → ord', body: { id, views: 1 } })
})

test('a transaction that turns into a write is run again as a whole', async () => {
  const reader = new Client(lab, 'ams')
  const first = await reader.get('/report')
  expect(first).toMatchObject({ status: 200, route: 'ams → ord' })
  const second = await reader.get('/report')
  expect((second.body as { id: number }).id).toBe((first.body as { id: number }).id + 1)
})
