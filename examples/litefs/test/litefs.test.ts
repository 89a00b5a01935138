import { Client } from '@flyroute/demo/client'
import { type Lab, startLab } from '@flyroute/lab'
import { type LitefsCluster, startLitefs } from '@flyroute/testkit/litefs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

const regions = ['ord', 'ams']
let cluster: LitefsCluster
let lab: Lab
beforeAll(async () => {
  cluster = await startLitefs({ nodes: regions })
  lab = await startLab({
    regions,
    rtt: { 'ord-ams': 30 },
    database: 'none',
    command: ['node', 'src/server.ts'],
    setup: ['node', 'src/migrate.ts'],
    cwd: 'examples/litefs',
    env: ({ region }) => ({ LITEFS_DIR: cluster.node(region).dir, DATABASE_FILENAME: 'app.db' }),
  })
  // On Fly.io a machine's host name is its id.
  for (const region of regions) await cluster.setHost(region, lab.machine(region).id)
  await cluster.caughtUp()
}, 60_000)
afterAll(async () => {
  await lab?.dispose()
  await cluster?.dispose()
})

test('reads locally, writes at home, and the author reads what was written', async () => {
  await cluster.setLag('ams', 20)
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

test('the health check tells the role', async () => {
  const visit = await new Client(lab, 'ams').get('/healthz')
  expect(visit).toMatchObject({ status: 200, body: { healthy: true, databases: [{ role: 'replica', region: 'ams' }] } })
})
