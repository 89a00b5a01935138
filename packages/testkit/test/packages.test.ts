import { posix, resolve } from 'node:path'
import { startPostgres } from '@flyroute/testkit'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Consumer, createConsumer, type Result } from './packages/consumer.ts'

// What is published, used as its users use it: packed, installed by npm into an empty folder, loaded by a Node of its own.

const tool = (name: string): string => resolve(import.meta.dirname, '../../../node_modules', name)

let consumer: Consumer
beforeAll(async () => {
  consumer = await createConsumer()
}, 120_000)
afterAll(() => consumer?.dispose())

test('a tarball holds the build, its sources, a README and the licence, and no word of the workspace', async () => {
  for (const manifest of consumer.manifests) {
    const files = await consumer.files(manifest.name)
    const atTop = files.filter((file) => !/^(dist|src)\//.test(file) && file !== 'CHANGELOG.md')
    expect([manifest.name, ...atTop.sort()]).toEqual([manifest.name, 'LICENSE', 'README.md', 'package.json'])
    expect(files.filter((file) => /\.(test|spec)\.|tsconfig|tsbuildinfo/.test(file))).toEqual([])
    expect(JSON.stringify(manifest)).not.toMatch(/"(workspace|catalog):/)
    const targets = JSON.stringify([Object.values(manifest.exports ?? {}), manifest.bin]).match(/\.\/[^"]+/g) ?? []
    expect(files).toEqual(expect.arrayContaining(targets.map((target) => target.slice(2))))
  }
})

test('a source map leads to a source in the same tarball', async () => {
  for (const { name } of consumer.manifests) {
    const files = await consumer.files(name)
    const maps = files.filter((file) => file.endsWith('.map'))
    expect(maps.length).toBeGreaterThan(0)
    for (const map of maps) {
      const { sources } = JSON.parse(await consumer.read(name, map)) as { sources: string[] }
      expect(files).toEqual(expect.arrayContaining(sources.map((source) => posix.join(map, '..', source))))
    }
  }
})

test('every entry point exports the same names to import and to require', async () => {
  const entries = consumer.manifests.flatMap(({ name, exports = {} }) =>
    Object.keys(exports)
      .filter((path) => path !== './package.json')
      .map((path) => name + path.slice(1)),
  )
  const found = parse<Record<string, { esm: string[]; cjs: string[] }>>(
    await consumer.run('node', 'exports.mjs', ...entries),
  )
  expect(Object.keys(found)).toEqual(entries)
  for (const [entry, { esm, cjs }] of Object.entries(found))
    expect({ entry, names: cjs }).toEqual({ entry, names: esm })
  expect(found['@flyroute/core']?.esm).toEqual(
    expect.arrayContaining(['PrimaryRequiredError', 'classify', 'replayResponse', 'resolveTopology', 'runOnPrimary']),
  )
})

test.each(['use.mjs', 'use.cjs'])('%s: the packages work from this module system', async (file) => {
  expect(parse(await consumer.run('node', file))).toEqual({
    role: 'replica',
    access: 'write',
    recognised: true,
    replay: expect.stringContaining('region=ord'),
    ran: 'now',
    isPool: true,
  })
})

test('two copies in one process: errors are known by their code, and the scope is shared', async () => {
  await using cluster = await startPostgres({ replicas: 1 })
  const urls = [cluster.primary.url, ...cluster.replicas.map((replica) => replica.url)]
  expect(parse(await consumer.run('node', 'both.mjs', ...urls))).toEqual({
    copies: 2,
    cjsErrorInEsm: true,
    esmErrorInCjs: true,
    localReadInRecovery: true,
    readOnPrimaryInRecovery: false,
    write: [409, expect.stringContaining('region=ord')],
  })
})

test('a CommonJS project under jest, without a flag, requires them', async () => {
  const jest = await consumer.run(
    'node',
    tool('jest/bin/jest.js'),
    '--rootDir',
    `${consumer.folder}/jest`,
    '--config',
    '{}',
  )
  expect(jest).toEqual({ code: 0, stdout: '', stderr: expect.stringContaining('2 passed, 2 total') })
})

test.each(['module', 'commonjs'])('types: a user’s file of type "%s" compiles against the tarballs', async (type) => {
  const tsc = await consumer.run('node', tool('typescript/bin/tsc'), '-p', `types/${type}`)
  expect(tsc).toEqual({ code: 0, stdout: '', stderr: '' })
})

function parse<T = unknown>({ code, stdout, stderr }: Result): T {
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as T
}
