import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../../../..')
const fixtures = resolve(import.meta.dirname, '../fixtures/consumer')

/** The fields of a package.json that these tests look at. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly files?: readonly string[]
  readonly bin?: Readonly<Record<string, string>>
  readonly exports?: Readonly<Record<string, unknown>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** How a command ended. */
export interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Somebody's project: an empty folder into which the published packages were installed from their tarballs. */
export interface Consumer {
  readonly folder: string
  /** The manifests as they were packed, one for each published package. */
  readonly manifests: readonly Manifest[]
  /** The paths in a package's tarball, without the leading `package/`. */
  files(name: string): Promise<readonly string[]>
  /** The text of a file of an installed package. */
  read(name: string, path: string): Promise<string>
  /** Runs a program of this repository's toolchain (or a path) in the folder. */
  run(command: string, ...args: string[]): Promise<Result>
  dispose(): void
}

/** Packs every published package and installs the tarballs, with the drivers they want, by npm. */
export async function createConsumer(): Promise<Consumer> {
  const folder = mkdtempSync(join(tmpdir(), 'flyroute-consumer-'))
  const consumer: Consumer = {
    folder,
    manifests: [],
    files: (name) => filesOf(join(folder, 'tarballs'), name),
    read: (name, path) => readFile(join(folder, 'node_modules', name, path), 'utf8'),
    run: (command, ...args) => run(folder, command, ...args),
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  }
  try {
    cpSync(fixtures, folder, { recursive: true })
    for (const type of ['module', 'commonjs']) {
      cpSync(join(fixtures, 'types'), join(folder, 'types', type), { recursive: true })
      writeFileSync(join(folder, 'types', type, 'package.json'), JSON.stringify({ type }))
    }
    const packages = publicPackages()
    const filters = packages.flatMap(({ name }) => ['--filter', name])
    await succeed(run(root, 'pnpm', '--recursive', ...filters, 'pack', '--pack-destination', join(folder, 'tarballs')))
    const dependencies = Object.fromEntries([
      ...packages.map((manifest) => [manifest.name, `file:tarballs/${tarball(manifest)}`]),
      ...packages.flatMap(driversOf),
      installed(root, '@types/node'),
      installed(join(root, 'packages/testkit'), '@types/pg'),
    ])
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }))
    // Without the optional dependencies: they are the database binaries of the lab, which nobody starts here.
    const quiet = ['--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
    await succeed(run(folder, 'npm', 'install', ...quiet))
    return { ...consumer, manifests: packages.map(({ name }) => readManifest(join(folder, 'node_modules', name))) }
  } catch (error) {
    consumer.dispose()
    throw error
  }
}

function publicPackages(): (Manifest & { path: string })[] {
  const paths = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name))
  return paths.map((path) => ({ ...readManifest(path), path })).filter((manifest) => !manifest.private)
}

/** The drivers a package leaves to its user, in the version that this repository tests with. */
function driversOf({ path, peerDependencies = {} }: Manifest & { path: string }): [name: string, version: string][] {
  const peers = Object.keys(peerDependencies).filter((name) => !name.startsWith('@flyroute/'))
  return peers.map((name) => installed(path, name))
}

const installed = (path: string, name: string): [name: string, version: string] => [
  name,
  readManifest(join(path, 'node_modules', name)).version,
]

const tarball = ({ name, version }: Manifest): string => `${name.slice(1).replace('/', '-')}-${version}.tgz`

async function filesOf(tarballs: string, name: string): Promise<readonly string[]> {
  const prefix = `${name.slice(1).replace('/', '-')}-`
  const file = readdirSync(tarballs).find((entry) => entry.startsWith(prefix))
  const { stdout } = await succeed(run(tarballs, 'tar', '-tzf', `${file}`))
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.replace(/^package\//, ''))
}

function run(cwd: string, command: string, ...args: string[]): Promise<Result> {
  // `node` is the one that runs this test; the variable would make it load this repository's sources or jest's flags.
  const { NODE_OPTIONS: _, ...env } = process.env
  return new Promise((done) => {
    execFile(command === 'node' ? process.execPath : command, args, { cwd, env }, (error, stdout, stderr) => {
      if (!error) done({ code: 0, stdout, stderr })
      else if (typeof error.code === 'number') done({ code: error.code, stdout, stderr })
      else done({ code: 1, stdout, stderr: stderr || error.message }) // not started, or killed
    })
  })
}

async function succeed(result: Promise<Result>): Promise<Result> {
  const { code, stdout, stderr } = await result
  if (code !== 0) throw new Error(`ended with exit code ${code}\n${stdout}${stderr}`)
  return { code, stdout, stderr }
}

/** The package.json of a folder. */
function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as Manifest
}
