// What the suites stand on: the packages as they would be published, and an install of their own.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { publicPackages, readManifest, root } from '../ground.mjs'
import { spawnQuietly } from './spawn.mjs'
import { matrix } from './suites.mjs'

/** Packs every published package, and unpacks it as matrix/packs/<folder>. */
export async function unpackPackages() {
  const packs = join(matrix, 'packs')
  const tarballs = mkdtempSync(join(tmpdir(), 'flyroute-packs-'))
  try {
    const folders = publicPackages()
    const filters = folders.flatMap((folder) => ['--filter', readManifest(folder).name])
    await spawnQuietly('pnpm', ['--recursive', ...filters, 'pack', '--pack-destination', tarballs], { cwd: root })
    rmSync(packs, { recursive: true, force: true })
    for (const folder of folders) {
      const { name, version } = readManifest(folder)
      const file = `${name.slice(1).replace('/', '-')}-${version}.tgz`
      if (!readdirSync(tarballs).includes(file)) throw new Error(`${name} was not packed as ${file}`)
      const to = join(packs, basename(folder))
      mkdirSync(to, { recursive: true })
      await spawnQuietly('tar', ['-xzf', join(tarballs, file), '-C', to, '--strip-components=1'], { cwd: root })
    }
  } finally {
    rmSync(tarballs, { recursive: true, force: true })
  }
}

/**
 * Installs what the suites need, and nothing of the others.
 *
 * @param {{ packageName: string }[] | undefined} suites undefined: all of them
 * @param {{ frozen: boolean }} options
 */
export async function installSuites(suites, { frozen }) {
  const names = suites && [readManifest(matrix).name, ...suites.map(({ packageName }) => packageName)]
  const filters = names?.flatMap((name) => ['--filter', `${name}...`]) ?? []
  const mode = frozen ? '--frozen-lockfile' : '--no-frozen-lockfile'
  await spawnQuietly('pnpm', [...filters, 'install', mode, '--prefer-offline'], { cwd: matrix })
}
