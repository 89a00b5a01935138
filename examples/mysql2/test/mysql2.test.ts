import { Client } from '@flyroute/demo/client'
import { type Lab, startLab } from '@flyroute/lab'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createConnection, type RowDataPacket } from 'mysql2/promise'

let lab: Lab
beforeAll(async () => {
  lab = await startLab({
    regions: ['ord', 'ams'],
    primaryRegion: 'ord',
    rtt: { 'ord-ams': 30 },
    database: 'mariadb',
    command: ['node', 'src/server.ts'],
    setup: ['node', 'src/migrate.ts'],
    cwd: 'examples/mysql2',
  })
}, 60_000)
afterAll(() => lab?.dispose())

test('a read is answered by the local replica', async () => {
  const visit = await new Client(lab, 'ams').get('/posts')
  expect(visit).toMatchObject({ status: 200, route: 'ams', member: 'replica' })
})

test('a write runs in the primary region, and its author reads it locally', async () => {
  const author = new Client(lab, 'ams')
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
  const before = await reports()
  const visit = await new Client(lab, 'ams').get('/report')
  expect(visit).toMatchObject({ status: 200, route: 'ams → ord' })
  expect(await reports()).toBe(before + 1)
})

test('the health check tells the role', async () => {
  const visit = await new Client(lab, 'ams').get('/healthz')
  expect(visit).toMatchObject({ status: 200, body: { healthy: true, databases: [{ role: 'replica', region: 'ams' }] } })
})

async function reports(): Promise<number> {
  const connection = await createConnection(lab.databases.primary.url)
  const [[row]] = await connection.query<RowDataPacket[]>('select count(*) as n from report')
  await connection.end()
  return row?.['n']
}
