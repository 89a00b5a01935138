import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { cached } from '../src/databases/cache.ts'
import { findDebianPackage } from '../src/databases/debian.ts'
import { runFixture } from './support.ts'

const onLinux = process.platform === 'linux' ? test : test.skip // only there is anything kept, under a lock of the kernel's

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flyroute-cache-test-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

onLinux('those who want the same thing at the same time wait for one who builds it', async () => {
  let builds = 0
  const build = async (draft: string): Promise<void> => {
    builds += 1
    await sleep(20)
    await writeFile(join(draft, 'file'), String(builds))
  }
  const paths = await Promise.all([1, 2, 3].map(() => cached('thing', build, folder)))
  expect(new Set(paths)).toEqual(new Set([join(folder, 'thing')]))
  expect(builds).toBe(1)
  expect(await readdir(join(folder, 'thing'))).toEqual(['file'])
})

onLinux('of a build that fails nothing is kept, and the next one may succeed', async () => {
  const fail = async (draft: string): Promise<void> => {
    await writeFile(join(draft, 'half'), '')
    throw new Error('no network')
  }
  await expect(cached('other', fail, folder)).rejects.toThrow('no network')
  const path = await cached('other', (draft) => writeFile(join(draft, 'whole'), ''), folder)
  expect(await readdir(path)).toEqual(['whole'])
})

onLinux('who is killed while it builds neither holds the others up nor leaves anything behind', async () => {
  const { child } = await runFixture('cache-builder.ts', folder)
  expect((await readdir(folder)).filter((name) => name.startsWith('.big-draft-'))).toHaveLength(1)
  child.kill('SIGKILL')
  await cached('big', (draft) => writeFile(join(draft, 'whole'), ''), folder)
  expect((await readdir(folder)).filter((name) => name.includes('big') && !name.endsWith('.lock'))).toEqual(['big'])
})

test('where there is no apt it says who has it', async () => {
  const platform = Object.getOwnPropertyDescriptor(process, 'platform') as PropertyDescriptor
  Object.defineProperty(process, 'platform', { ...platform, value: 'darwin' })
  try {
    await expect(findDebianPackage('mysql-server-core', folder)).rejects.toThrow(
      'mysql-server-core is fetched with apt, which is found on Debian and Ubuntu only.',
    )
  } finally {
    Object.defineProperty(process, 'platform', platform)
  }
})
