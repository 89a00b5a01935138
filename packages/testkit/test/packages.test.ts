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

test('a tarball holds the build, a README and the licence, and no word of the workspace', async () => {
  for (const manifest of consumer.manifests) {
    const files = await consumer.files(manifest.name)
    const atTop = files.filter((file) => !file.startsWith('dist/') && file !== 'CHANGELOG.md')
    const own = manifest.files?.filter((file) => file !== 'dist') ?? []
    const expected = ['LICENSE', 'README.md', 'package.json', ...own].sort()
    expect([manifest.name, ...atTop.sort()]).toEqual([manifest.name, ...expected])
    expect(files.filter((file) => /\.(test|spec)\.|tsconfig|tsbuildinfo/.test(file))).toEqual([])
    expect(JSON.stringify(manifest)).not.toMatch(/"(workspace|catalog):/)
    const targets = JSON.stringify([Object.values(manifest.exports ?? {}), manifest.bin]).match(/\.\/[^"]+/g) ?? []
    expect(files).toEqual(expect.arrayContaining(targets.map((target) => target.slice(2))))
    expect(files.filter((file) => file.endsWith('.map'))).toEqual([])
  }
})

test('types lead to types in the same tarball, and carry the text that an editor shows', async () => {
  for (const { name } of consumer.manifests) {
    const files = await consumer.files(name)
    for (const file of files.filter((file) => file.endsWith('.d.ts'))) {
      const text = await consumer.read(name, file)
      const paths = [...text.matchAll(/(?:from |import\()["'](\.[^"']+)\.[jt]s["']/g)].map(([, path]) => path)
      const wanted = paths.map((path) => posix.join(file, '..', `${path}.d.ts`))
      expect({ file, missing: wanted.filter((path) => !files.includes(path)) }).toEqual({ file, missing: [] })
    }
  }
  expect(await consumer.read('@flyroute/core', 'dist/types/replay/response.d.ts')).toContain('/**')
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

test('a minified bundle says what the packages say: what a module does while it loads is not shaken off', async () => {
  const file = 'shaken.mjs'
  const options = ['--bundle', '--minify', '--platform=node', '--format=esm', '--outfile=bundle.mjs']
  const bundled = await consumer.run(tool('esbuild/bin/esbuild'), file, ...options)
  expect(bundled).toMatchObject({ code: 0 })
  const said = parse<{ names: string[][] }>(await consumer.run('node', file))
  expect(said.names.map(([name]) => name)).toEqual([
    'ConfigurationError',
    'PrimaryRequiredError',
    'ReplayUnavailableError',
  ])
  expect(parse(await consumer.run('node', 'bundle.mjs'))).toEqual(said)
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
