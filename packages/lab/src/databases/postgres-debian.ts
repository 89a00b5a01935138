import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type DebianPackage, findDebianPackage } from './debian.ts'
import { type PostgresBinaries, postgresIdentity } from './postgres-binaries.ts'

/** The files of a Postgres server that Debian packages, with the C library that it was built for. */
export interface FetchedPostgres extends DebianPackage {
  /** The major version. */
  readonly major: number
}

/**
 * Fetches the Postgres server of a version that npm does not have.
 * @throws Error saying what to do where it cannot be had
 */
export async function fetchPostgres(major: number): Promise<FetchedPostgres> {
  try {
    return { ...(await findDebianPackage(`postgresql-${major}`)), major }
  } catch (cause) {
    const way = 'run this in a container of Debian: docker run --rm -it -v "$PWD:/app" -w /app node:24-bookworm bash'
    const reason = cause instanceof Error ? cause.message.trim() : String(cause)
    throw new Error(`No Postgres ${major} could be had here; ${way}.\nThe reason: ${reason}`, { cause })
  }
}

/**
 * Makes the programs of a fetched server callable. `initdb` starts the `postgres` that lies beside it, and both look for their
 * files from where they lie; with a C library of their own they are started by its loader. So scripts stand for them, in a tree
 * of the same form.
 *
 * @param folder where to make it; nothing is there yet
 */
export async function installPostgres(files: FetchedPostgres, folder: string): Promise<PostgresBinaries> {
  const server = join('usr', 'lib', 'postgresql', String(files.major))
  const bin = join(server, 'bin')
  // Whatever the umask: others run it.
  for (const path of ['', ...parents(bin)]) {
    await mkdir(join(folder, path))
    await chmod(join(folder, path), 0o755)
  }
  for (const path of [join('usr', 'share'), join(server, 'lib')])
    await symlink(join(files.root, path), join(folder, path))
  const install = async (name: string): Promise<string> => {
    const path = join(folder, bin, name)
    const words = [...files.loader, '--argv0', path, join(files.root, bin, name)].map(quote)
    // By the environment initdb tells its `postgres` where the data are; by some of it the machine's libraries are asked for.
    await writeFile(path, `#!/bin/sh\nunset LD_PRELOAD LD_LIBRARY_PATH\nexec ${words.join(' ')} "$@"\n`)
    await chmod(path, 0o755)
    return path
  }
  return { initdb: await install('initdb'), postgres: await install('postgres'), identity: postgresIdentity() }
}

/** The path and all that it leads through, from the outermost on. */
function parents(path: string): string[] {
  const parts = path.split('/')
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}
