import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The passwords of a cluster's two users. */
export interface Passwords {
  readonly admin: string
  readonly app: string
}

export function makePasswords(): Passwords {
  return { admin: randomBytes(16).toString('hex'), app: randomBytes(16).toString('hex') }
}

/** The passwords of the cluster whose data are kept in a folder, made up where it is new. */
export async function keepPasswords(folder: string): Promise<Passwords> {
  const file = join(folder, 'passwords.json')
  await mkdir(folder, { recursive: true })
  await writeFile(file, JSON.stringify(makePasswords()), { mode: 0o600, flag: 'wx' }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    },
  )
  return JSON.parse(await readFile(file, 'utf8')) as Passwords
}
