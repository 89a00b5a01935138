import { promisify } from 'node:util'
import { createPool } from '@flyroute/mysql2'
import { expect, test } from '@jest/globals'
import type { Pool } from 'mysql2'

// Where a pool connects to, by what it was given. Nothing is connected: a pool opens its first connection when it is used.

interface Config {
  readonly host?: string
  readonly port?: number
  readonly user?: string
  readonly password?: string
  readonly database?: string
  readonly socketPath?: string
  readonly ssl?: unknown
  readonly connectTimeout?: number
  readonly multipleStatements?: boolean
}

async function configOf(...args: Parameters<typeof createPool>): Promise<Config & { limit: number }> {
  const pool = createPool(...args)
  const { connectionConfig, connectionLimit } = (
    pool as Pool as unknown as { config: { connectionConfig: Config; connectionLimit: number } }
  ).config
  const { password } = connectionConfig
  await promisify((done: (error?: unknown) => void) => pool.end(done))()
  return Object.assign(Object.create(connectionConfig) as Config, { password, limit: connectionLimit }) as never
}

const fly = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord' }

test.each(['mysql', 'mysql2', 'mariadb'])('a %s: URL, with special characters in it', async (scheme) => {
  const env = { DATABASE_URL: `${scheme}://us%40er:p%2Fw@db.example:3307/app` }
  const expected = { host: 'db.example', port: 3307, user: 'us@er', password: 'p/w', database: 'app' }
  expect(await configOf({ env })).toMatchObject(expected)
})

test('the region’s own replica, and TLS in the URL as mysql2 takes it', async () => {
  const env = {
    ...fly,
    DATABASE_URL: 'mysql://app:pw@primary.example/app',
    DATABASE_URL_AMS: 'mysql://app:pw@ams.example/app?ssl={"rejectUnauthorized":true}',
  }
  const { host, ssl } = await configOf({ env })
  expect([host, ssl]).toEqual(['ams.example', { rejectUnauthorized: true }])
})

test('PlanetScale: the same host, another user', async () => {
  const env = { ...fly, DATABASE_URL: 'mysql://abc:pscale_pw_1@aws.connect.psdb.cloud/app?ssl={}' }
  const config = await configOf({ env, replicas: { ams: { user: 'abc|replica' } } })
  expect(config).toMatchObject({ host: 'aws.connect.psdb.cloud', user: 'abc|replica', password: 'pscale_pw_1' })
  expect(config.ssl).toEqual({ rejectUnauthorized: true })
})

test('pieces, as in Fly’s example for Laravel', async () => {
  const env = {
    ...fly,
    DB_CONNECTION: 'mysql',
    DB_HOST: 'primary.internal',
    DB_HOST_AMS: 'replica.internal',
    DB_PORT: '3310',
    DB_USERNAME: 'laravel',
    DB_PASSWORD: 'pw',
    DB_DATABASE: 'app',
  }
  const expected = { host: 'replica.internal', port: 3310, user: 'laravel', password: 'pw', database: 'app' }
  expect(await configOf({ env })).toMatchObject(expected)
})

test('a URL alone, and the driver’s own words with its own options', async () => {
  expect(await configOf('mysql://app:pw@db.example/app')).toMatchObject({ host: 'db.example', database: 'app' })
  const words = { host: 'db.example', user: 'app', password: 'pw', database: 'other' }
  const config = await configOf({ ...words, env: {}, connectionLimit: 3, multipleStatements: true })
  expect(config).toMatchObject({ ...words, limit: 3, multipleStatements: true, connectTimeout: 10_000 })
})

test('a replica is not waited for as long as a primary', async () => {
  const env = { ...fly, DATABASE_URL: 'mysql://app@a.example/app', DATABASE_URL_AMS: 'mysql://app@b.example/app' }
  expect((await configOf({ env })).connectTimeout).toBe(5_000)
  expect((await configOf({ env, connectTimeout: 700 })).connectTimeout).toBe(700)
})

test('a Unix socket', async () => {
  expect(await configOf({ env: {}, socketPath: '/run/mysqld/mysqld.sock', user: 'app' })).toMatchObject({
    socketPath: '/run/mysqld/mysqld.sock',
  })
})

test('without any setting it is the driver’s pool', async () => {
  expect(await configOf({ env: {} })).toMatchObject({ host: 'localhost', port: 3306 })
})

test('half a configuration lists all that is wrong', () => {
  const env = { FLY_REGION: 'ams', DATABASE_URL: 'mysql://app@a.example/app', DATABASE_URL_AMS: 'nonsense' }
  expect(() => createPool({ env })).toThrow(/ERR_CONFIGURATION/)
})
