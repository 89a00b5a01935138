import type { Client } from '@flyroute/demo/client'
import { AppStage, checks, countsGlue } from '@flyroute/demo/conformance'
import type { PostgresCluster } from '@flyroute/lab/databases'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

let stage: AppStage
beforeAll(async () => {
  stage = await AppStage.open({ folder: 'examples/sessions', errors: {} })
}, 90_000)
afterAll(() => stage?.[Symbol.asyncDispose]())

test('who has logged in is known at once, however far the replica is behind, and locally when it is not', async () => {
  const user = stage.somebody('ams')
  await stage.farBehind(async () => {
    expect(await user.post('/login', { user: 'Ada' })).toMatchObject({ status: 201, route: 'ams → ord' })
    expect(await user.get('/me')).toMatchObject({ status: 200, route: 'ams → ord', body: { user: 'Ada', cart: [] } })
    await user.post('/cart', { item: 'book' })
    expect(await user.get('/me')).toMatchObject({ status: 200, body: { user: 'Ada', cart: ['book'] } })
  })
  expect(await user.get('/me')).toMatchObject({ status: 200, route: 'ams', body: { user: 'Ada', cart: ['book'] } })
})

test('requests that read leave the table alone', async () => {
  const user = await loggedIn('Grace')
  const before = await version('Grace')
  for (let count = 0; count < 3; count++) expect(await user.get('/me')).toMatchObject({ status: 200, route: 'ams' })
  expect(await version('Grace')).toBe(before)
})

test('once a day one of them renews the session, without leaving its region', async () => {
  const user = await loggedIn('Edsger')
  await primary().query(
    `update session set expire = now() + interval '1 hour', sess = jsonb_set(sess::jsonb, '{day}', '"2020-01-01"')
     where sess->>'user' = 'Edsger'`,
  )
  await stage.lab.databases.caughtUp()
  const before = await version('Edsger')
  expect(await user.get('/me')).toMatchObject({ status: 200, route: 'ams' })
  expect(await version('Edsger')).not.toBe(before)
  expect(await stage.count("from session where sess->>'user' = 'Edsger' and expire > now() + interval '29 days'")).toBe(
    1,
  )
})

test('who has logged out is not let in again, wherever the replica is', async () => {
  const user = await loggedIn('Alan')
  await stage.farBehind(async () => {
    expect(await user.post('/logout', {})).toMatchObject({ status: 204, route: 'ams → ord' })
    expect(await user.get('/me')).toMatchObject({ status: 401 })
  })
})

test('a user who did nothing has no session', async () => {
  const before = await stage.count('from session')
  expect(await stage.somebody('ams').get('/me')).toMatchObject({ status: 401, route: 'ams' })
  expect(await stage.count('from session')).toBe(before)
})

test(countsGlue, () => checks[countsGlue]?.(stage))

async function loggedIn(user: string): Promise<Client> {
  const client = stage.somebody('ams')
  expect(await client.post('/login', { user })).toMatchObject({ status: 201 })
  await stage.lab.databases.caughtUp()
  return client
}

/** Changes with every write of the row. */
async function version(user: string): Promise<string | undefined> {
  const [row] = await primary().query<{ xmin: string }>(`select xmin from session where sess->>'user' = '${user}'`)
  return row?.xmin
}

function primary(): PostgresCluster['primary'] {
  return (stage.lab.databases as PostgresCluster).primary
}
