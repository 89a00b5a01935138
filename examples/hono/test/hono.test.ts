import { Client } from '@flyroute/demo/client'
import { type Lab, startLab } from '@flyroute/lab'
import type { PostgresCluster } from '@flyroute/lab/databases'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

let lab: Lab
beforeAll(async () => {
  lab = await startLab({
    regions: ['ord', 'ams'],
    primaryRegion: 'ord',
    rtt: { 'ord-ams': 30 },
    command: ['node', 'src/server.ts'],
    setup: ['node', 'src/migrate.ts'],
    cwd: 'examples/hono',
  })
}, 60_000)
afterAll(() => lab?.dispose())

test('a read is answered next door', async () => {
  expect(await new Client(lab, 'ams').get('/posts')).toMatchObject({ status: 200, route: 'ams' })
})

test('a write runs in the primary region, and its author reads it', async () => {
  const author = new Client(lab, 'ams')
  expect(await author.post('/posts', { title: 'Here I am' })).toMatchObject({ status: 201, route: 'ams → ord' })
  expect((await author.get('/posts')).body).toContainEqual(expect.objectContaining({ title: 'Here I am' }))
})

test('a GET that writes is replayed, and an error of the app is not', async () => {
  const { body } = await new Client(lab, 'ord').post('/posts', { title: 'Read me' })
  const { id } = body as { id: number }
  const visit = await new Client(lab, 'ams').get(`/posts/${id}`)
  expect(visit).toMatchObject({ status: 200, route: 'ams → ord', body: { id, views: 1 } })
  expect(await new Client(lab, 'ams').get('/posts/999999')).toMatchObject({ status: 404, route: 'ams → ord' })
})

test('an answer that has begun writes with a connection to the primary', async () => {
  const visit = await new Client(lab, 'ams').get('/export')
  expect(visit).toMatchObject({ status: 200, route: 'ams' })
  // The write is the last thing that the stream does; its answer is whole before anybody can ask for it.
  const [row] = await (lab.databases as PostgresCluster).primary.query<{ posts: number }>(
    'select posts from export order by id desc limit 1',
  )
  expect(row?.posts).toBe(String(visit.body).trim().split('\n').length)
})
