import { execFile } from 'node:child_process'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/**
 * Debian's own package manager with lists, a cache and an idea of the installed system that are its own: it needs no root,
 * changes nothing on the machine, and resolves and verifies as ever (signature of the archive → list of packages → package).
 * Mirrors, proxies and credentials are the machine's.
 */
export class PrivateApt {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /**
   * @param folder an empty folder to work in
   * @param sources lines of a `sources.list` to use instead of the machine's
   * @param preferences what to take where the sources have several versions, instead of the machine's; see apt_preferences(5)
   * @param present names of packages that need not be fetched, although others depend on them
   */
  static async open(
    folder: string,
    {
      sources,
      preferences,
      present = [],
    }: { sources?: string; preferences?: string; present?: readonly string[] } = {},
  ): Promise<PrivateApt> {
    const apt = new PrivateApt(folder)
    await mkdir(join(folder, 'lists', 'partial'), { recursive: true })
    await mkdir(join(folder, 'cache', 'archives', 'partial'), { recursive: true })
    await writeFile(join(folder, 'status'), (await Promise.all(present.map(installed))).join('\n'))
    if (sources !== undefined) {
      await writeFile(join(folder, 'sources.list'), sources)
      await writeFile(join(folder, 'preferences'), preferences ?? '')
    }
    await writeFile(join(folder, 'apt.conf'), await configuration(folder, sources !== undefined))
    return apt
  }

  /** Fetches the lists of packages. */
  async update(): Promise<void> {
    await this.#run('apt-get', 'update')
  }

  /** Whether there is a package of that name, and not only others that speak of it. */
  async has(name: string): Promise<boolean> {
    return /^ *Candidate: (?!\(none\))/m.test(await this.#run('apt-cache', 'policy', name))
  }

  /** Fetches a package and all that it depends on. Returns the paths of the files. */
  async download(name: string): Promise<string[]> {
    await this.#run('apt-get', 'install', '--yes', '--no-install-recommends', '--download-only', name)
    const archives = join(this.#folder, 'cache', 'archives')
    return (await readdir(archives)).filter((file) => file.endsWith('.deb')).map((file) => join(archives, file))
  }

  /** The mirror of Debian's archive that this machine uses, if it uses one. */
  async mirror(): Promise<string | undefined> {
    const targets = ['--format', '$(REPO_URI)', 'Created-By: Packages', 'Label: Debian', 'Component: main']
    return (await this.#run('apt-get', 'indextargets', ...targets)).split('\n').find(Boolean)
  }

  async #run(program: string, ...args: string[]): Promise<string> {
    const env = { ...process.env, APT_CONFIG: join(this.#folder, 'apt.conf'), LC_ALL: 'C' }
    return (await execute(program, args, { env, maxBuffer: 1 << 26 })).stdout
  }
}

/** The machine's configuration without its hooks, which may need root or clean folders that are not ours. */
async function configuration(folder: string, ownSources: boolean): Promise<string> {
  const { stdout } = await execute('apt-config', ['dump'])
  const machine = stdout.split('\n').filter((line) => !/Invoke/.test(line))
  const ours: Record<string, string> = {
    'Dir::Etc::main': '/dev/null',
    'Dir::Etc::parts': '/dev/null',
    'Dir::State': folder,
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Cache::archives': join(folder, 'cache', 'archives'),
    'Dir::Cache::pkgcache': 'packages.bin', // which images of containers switch off
    'Dir::Cache::srcpkgcache': 'sources.bin',
    'APT::Sandbox::User': 'root',
    'APT::Update::Error-Mode': 'any', // otherwise a mirror that does not answer is no error
    'Acquire::Languages': 'none',
    'Acquire::Retries': '2',
    'Acquire::http::Timeout': '20',
    ...(ownSources && {
      'Dir::Etc::sourcelist': join(folder, 'sources.list'),
      'Dir::Etc::sourceparts': '/dev/null',
      'Dir::Etc::preferences': join(folder, 'preferences'),
      'Dir::Etc::preferencesparts': '/dev/null',
    }),
  }
  return [...machine, ...Object.entries(ours).map(([name, value]) => `${name} "${value}";`)].join('\n')
}

async function installed(name: string): Promise<string> {
  const { stdout: architecture } = await execute('dpkg', ['--print-architecture'])
  const fields = {
    Package: name,
    Status: 'install ok installed',
    Version: '9999',
    Architecture: architecture.trim(),
    'Multi-Arch': 'allowed',
    Maintainer: 'nobody',
    Description: 'not needed here',
  }
  return Object.entries(fields)
    .map(([field, value]) => `${field}: ${value}\n`)
    .join('')
}
