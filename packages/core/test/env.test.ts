import { describe, expect, test } from '@jest/globals'
import {
  readMachine,
  readPieces,
  readRegionPieces,
  readRegionUrls,
  readUrl,
  replicaUrlVariable,
  saysMysql,
} from '../src/env.ts'

test('the platform says where the process runs', () => {
  const env = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord', FLY_APP_NAME: 'app', FLY_MACHINE_ID: '148e306c77e089' }
  expect(readMachine(env)).toEqual({ region: 'ams', primaryRegion: 'ord', appName: 'app', machineId: '148e306c77e089' })
  expect(readMachine({ FLY_ALLOC_ID: 'old-name' }).machineId).toBe('old-name')
})

test.each(['', ' ', '\n\t'])('a variable that is %j counts as unset', (blank) => {
  expect(readMachine({ FLY_REGION: blank, FLY_APP_NAME: blank })).toEqual({})
  expect(readUrl({ DATABASE_URL: blank }, 'DATABASE_URL')).toBeUndefined()
})

test('a line break from a secrets file is no part of a URL', () => {
  expect(readUrl({ DATABASE_URL: ' postgres://h/d\n' }, 'DATABASE_URL')?.value).toBe('postgres://h/d')
})

test.each([
  ['DATABASE_URL', 'DATABASE_REPLICA_URL'],
  ['ANALYTICS_DB_URL', 'ANALYTICS_DB_REPLICA_URL'],
  ['PG_URI', 'PG_REPLICA_URI'],
  ['POSTGRES', 'POSTGRES_REPLICA'],
])('the replica beside %s is %s', (name, replica) => {
  expect(replicaUrlVariable(name)).toBe(replica)
})

test('variables of regions are found in any case, and only with three letters', () => {
  const env = {
    DATABASE_URL: '0',
    DATABASE_URL_AMS: '1',
    DATABASE_URL_ams: '2',
    DATABASE_URL_GRU: '3',
    DATABASE_URL_SYD: '',
    DATABASE_URL_TEST: '4',
    DATABASE_URL_A1S: '5',
    OTHER_DATABASE_URL_FRA: '6',
  }
  const found = readRegionUrls(env, 'DATABASE_URL')
  expect([...found.keys()]).toEqual(['ams', 'gru'])
  expect(found.get('ams')?.map(({ name }) => name)).toEqual(['DATABASE_URL_AMS', 'DATABASE_URL_ams'])
})

describe('pieces', () => {
  const libpq = { PGHOST: 'h', PGPORT: '1', PGUSER: 'u', PGPASSWORD: ' p ', PGDATABASE: 'd' }
  const laravel = { DB_HOST: 'H', DB_PORT: '2', DB_USERNAME: 'U', DB_PASSWORD: 'P', DB_DATABASE: 'D' }
  const names = (pieces: ReturnType<typeof readPieces>) =>
    Object.values(pieces ?? {}).flatMap((found) => found.map(({ name }) => name))

  test("libpq's come first, and not for MySQL", () => {
    expect(names(readPieces({ ...libpq, ...laravel }, undefined))).toEqual(Object.keys(libpq))
    expect(names(readPieces({ ...libpq, ...laravel }, 'mysql'))).toEqual(Object.keys(laravel))
    expect(names(readPieces(laravel, 'postgres'))).toEqual(Object.keys(laravel))
  })

  test('without a host they are left to the driver', () => {
    expect(readPieces({ ...libpq, PGHOST: '' }, undefined)).toBeUndefined()
    expect(readPieces({ DB_NAME: 'd', DB_USER: 'u' }, undefined)).toBeUndefined()
  })

  test('white space may belong to a password, and to nothing else', () => {
    const pieces = readPieces({ ...libpq, PGUSER: ' u ' }, undefined)
    expect(pieces?.password?.[0]?.value).toBe(' p ')
    expect(pieces?.user?.[0]?.value).toBe('u')
  })

  test('both names of a piece are told', () => {
    const pieces = readPieces(
      { DB_HOST: 'h', DB_USER: 'a', DB_USERNAME: 'b', DB_NAME: 'c', DB_DATABASE: 'd' },
      undefined,
    )
    expect(pieces?.user?.map(({ value }) => value)).toEqual(['b', 'a'])
    expect(pieces?.database?.map(({ value }) => value)).toEqual(['d', 'c'])
  })

  test('of regions', () => {
    const env = {
      PGHOST_AMS: 'a',
      PGPASSWORD_AMS: 'p',
      DB_HOST_GRU: 'g',
      DB_PORT_GRU: '2',
      DB_PORT_SYD: '3',
      PGHOSTADDR: 'x',
    }
    const found = readRegionPieces(env, undefined)
    expect([...found].map(([region, pieces]) => [region, names(pieces)])).toEqual([
      ['ams', ['PGHOST_AMS', 'PGPASSWORD_AMS']],
      ['gru', ['DB_HOST_GRU', 'DB_PORT_GRU']],
    ])
    expect([...readRegionPieces(env, 'mysql').keys()]).toEqual(['gru'])
  })
})

test.each([
  [{ DB_CONNECTION: 'mysql' }, true],
  [{ DB_CONNECTION: 'MariaDB' }, true],
  [{ DB_PORT: '3306' }, true],
  [{ DB_CONNECTION: 'pgsql', DB_PORT: '5432' }, false],
  [{}, false],
])('%j are the variables of a MySQL: %s', (env, expected) => {
  expect(saysMysql(env)).toBe(expected)
})
