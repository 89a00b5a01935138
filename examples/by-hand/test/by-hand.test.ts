import { Client } from '@flyroute/demo/client'
import { type Lab, startLab } from '@flyroute/lab'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

let lab: Lab
beforeAll(async () => {
  lab = await startLab({
    regions: ['ord', 'ams'],
    primaryRegion: 'ord',
    rtt: { 'ord-ams': 30 },
    command: ['node', 'src/server.ts'],
    setup: ['node', 'src/migrate.ts'],
    cwd: 'examples/by-hand',
  })
}, 60_000)
afterAll(() => lab?.dispose())

test('reads stay, and a write is replayed by the answer that the handler gives', async () => {
  const client = new Client(lab, 'ams')
  expect(await client.get('/')).toMatchObject({ status: 200, route: 'ams', body: { hits: 0 } })
  expect(await client.get('/hit')).toMatchObject({ status: 200, route: 'ams → ord', body: { hits: 1 } })
})
