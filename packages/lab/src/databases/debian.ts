import { execFile } from 'node:child_process'
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cached } from './cache.ts'
import { PrivateApt } from './debian-apt.ts'

const execute = promisify(execFile)

/** The contents of a Debian package and of all it depends on, the C library included: it runs beside whatever the machine has. */
export interface DebianPackage {
  /** The folder that stands for `/`. */
  readonly root: string
  /** As Debian writes it, e.g. `1:10.11.19-0+deb12u1`. */
  readonly version: string
  /** What runs a program with the package's libraries instead of the machine's; options, the program and its arguments follow. */
  readonly loader: readonly [file: string, ...args: string[]]
  /** The command that runs a program of the package, by its path below `root`. */
  command(program: string): [file: string, ...args: string[]]
}

/**
 * Unpacks a package of the machine's Debian or Ubuntu release, or where that has none, of Debian unstable, or of experimental,
 * into the cache. Needs no root, and no network once it is there.
 *
 * @param name e.g. `mariadb-server-core`
 * @param folder where to keep it. Default: the machine's cache
 * @throws Error where the machine has no apt, or the package cannot be fetched; its cause says why
 */
export async function findDebianPackage(name: string, folder?: string): Promise<DebianPackage> {
  if (process.platform !== 'linux' || !(await hasApt()))
    throw new Error(`${name} is fetched with apt, which is found on Debian and Ubuntu only.`)
  const root = await cached(`${name}-${await release()}-${process.arch}`, (draft) => unpack(name, draft), folder)
  const libraries = await libraryFolders(root)
  const loader = [await findLoader(libraries), '--inhibit-cache', '--library-path', libraries.join(':')] as const
  return {
    root,
    loader,
    version: (await readFile(join(root, 'version'), 'utf8')).trim(),
    command: (program) => {
      const path = join(root, program)
      // Without the environment, in which the machine's own libraries may be asked for (LD_PRELOAD).
      return ['env', '-i', ...loader, '--argv0', path, path]
    },
  }
}

async function hasApt(): Promise<boolean> {
  return execute('apt-get', ['--version']).then(
    () => true,
    () => false,
  )
}

/** A cache may be carried from one release to the next, and then holds the packages of both. */
async function release(): Promise<string> {
  return /^VERSION_CODENAME="?(\w+)/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1] ?? 'debian'
}

// What scripts of server packages want, and the servers do not.
const present = ['perl', 'debconf', 'locales', 'netbase', 'postgresql-common', 'ssl-cert', 'tzdata']
const superfluous = ['etc', 'var', 'bin', 'sbin', 'usr/bin', 'usr/share/doc', 'usr/share/man', 'usr/share/locale']

async function unpack(name: string, draft: string): Promise<void> {
  const work = join(draft, 'apt')
  const apt = await openApt(name, work)
  const archives = await apt.download(name)
  for (const archive of archives) await execute('dpkg-deb', ['--extract', archive, draft])
  const archive = archives.find((path) => path.includes(`/${name}_`)) ?? ''
  const { stdout: version } = await execute('dpkg-deb', ['--field', archive, 'Version'])
  await writeFile(join(draft, 'version'), version)
  await Promise.all([work, ...superfluous.map((path) => join(draft, path))].map(remove))
  await chmod(draft, 0o755)
}

async function openApt(name: string, work: string): Promise<PrivateApt> {
  const own = await PrivateApt.open(join(work, 'machine'), { present })
  // A source that is of no concern here may be out of order.
  const trouble = await own.update().then(
    () => undefined,
    (error: Error) => error,
  )
  if (await own.has(name)) return own
  if (trouble !== undefined) throw trouble
  const source = await debianSource(own, work)
  const unstable = await PrivateApt.open(join(work, 'debian'), { present, sources: source('unstable') })
  await unstable.update()
  if (await unstable.has(name)) return unstable
  // Nothing is taken from there but what is wanted, and what is built of the same source and has to be of the same version.
  const experimental = await PrivateApt.open(join(work, 'debian'), {
    present,
    sources: source('unstable') + source('experimental'),
    preferences: `Package: src:${name}\nPin: release a=experimental\nPin-Priority: 990\n`,
  })
  await experimental.update()
  return experimental
}

/** The keys of Debian's archive are had from the machine's own, which may be another's, or older than unstable's signature. */
async function debianSource(own: PrivateApt, work: string): Promise<(suite: string) => string> {
  for (const archive of await own.download('debian-archive-keyring'))
    await execute('dpkg-deb', ['--extract', archive, work])
  const keyring = join(work, 'usr', 'share', 'keyrings', 'debian-archive-keyring.gpg')
  const mirror = (await own.mirror()) ?? 'http://deb.debian.org/debian'
  return (suite) => `deb [signed-by=${keyring}] ${mirror} ${suite} main\n`
}

async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true })
}

async function libraryFolders(root: string): Promise<string[]> {
  const found = await Promise.all(
    ['lib', 'usr/lib'].map(async (folder) => {
      const names = await readdir(join(root, folder)).catch(() => [])
      return names.filter((name) => name.includes('-linux-gnu')).map((name) => join(root, folder, name))
    }),
  )
  return found.flat()
}

/** The C library comes with the loader that fits it, which runs a program with that library instead of the machine's. */
async function findLoader(libraries: readonly string[]): Promise<string> {
  for (const folder of libraries) {
    const loader = (await readdir(folder)).find((name) => /^ld-linux.*\.so\.\d+$/.test(name))
    if (loader) return join(folder, loader)
  }
  throw new Error(`No loader (ld-linux) in ${libraries.join(' or ')}.`)
}
