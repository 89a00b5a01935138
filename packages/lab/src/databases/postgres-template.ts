import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, chown, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cached } from './cache.ts'
import type { PostgresBinaries } from './postgres-binaries.ts'
import { identify } from './postgres-identity.ts'
import { makePasswords } from './postgres-passwords.ts'
import { run } from './run.ts'

/**
 * Fills an empty folder, which belongs to the server's user, with a database cluster that has the user and the database `app`. On
 * Linux it is a copy of one that is made once a machine, with an identity of its own: a tenth of the time.
 */
export async function makeData(folder: string, binaries: PostgresBinaries): Promise<void> {
  if (process.platform !== 'linux') return initialize(folder, binaries)
  const template = await cached(`postgres-data-${await recipe(binaries)}`, async (draft) => {
    await chmod(draft, 0o755)
    const data = join(draft, 'data')
    await mkdir(data, { mode: 0o700 })
    const { uid, gid } = binaries.identity
    if (uid !== undefined && gid !== undefined) await chown(data, uid, gid)
    await initialize(data, binaries)
  })
  await run('cp', ['-R', '--reflink=auto', `${join(template, 'data')}/.`, folder], binaries.identity)
  await identify(folder)
}

const options = ['--auth=scram-sha-256', '--username=postgres', '--encoding=UTF8', '--locale=C', '--no-instructions']
const script = 'CREATE ROLE app LOGIN;\nCREATE DATABASE app OWNER app;\n'

async function initialize(folder: string, { initdb, postgres, identity }: PostgresBinaries): Promise<void> {
  const passwordFile = `${folder}.password`
  await writeFile(passwordFile, makePasswords().admin, { mode: 0o644 })
  await run(initdb, [`--pgdata=${folder}`, `--pwfile=${passwordFile}`, '--no-sync', ...options], identity)
  await rm(passwordFile)
  await run(postgres, ['--single', '-c', 'fsync=off', '-D', folder, 'postgres'], { ...identity, input: script })
}

/** Another server or other steps make another template. */
async function recipe({ postgres, identity }: PostgresBinaries): Promise<string> {
  const { stdout: version } = await promisify(execFile)(postgres, ['--version'])
  const all = JSON.stringify([version, process.arch, identity, options, script])
  return createHash('sha256').update(all).digest('hex').slice(0, 12)
}
