// Which suites there are: each folder of matrix/orms, matrix/frameworks and matrix/runtimes that has a package.json.
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readManifest, root } from '../ground.mjs'

export const matrix = join(root, 'matrix')
const groups = ['orms', 'frameworks', 'runtimes']

/**
 * All suites, or those that are named: by folder (`drizzle@0.44`), by what they test (`drizzle`, in all versions) or by
 * group (`orms`).
 *
 * @param {readonly string[]} names
 */
export function findSuites(names = []) {
  const all = groups.flatMap((group) => foldersOf(group).map((name) => readSuite(group, name)))
  const unknown = names.filter((name) => !all.some((suite) => isCalled(suite, name)))
  const found = names.length === 0 ? all : all.filter((suite) => names.some((name) => isCalled(suite, name)))
  return { all, found, unknown }
}

const isCalled = (suite, name) => [suite.name, suite.of, suite.group, suite.id].includes(name)

function foldersOf(group) {
  const folder = join(matrix, group)
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, 'package.json')))
    .sort()
}

function readSuite(group, name) {
  const folder = join(matrix, group, name)
  const manifest = readManifest(folder)
  const { suite: of = name, ...own } = manifest.matrix ?? {}
  const shared = of === name ? own : { ...readManifest(join(matrix, group, of)).matrix, ...own }
  const { title = name, package: main, plug = '' } = shared
  const version = main === undefined ? undefined : manifest.dependencies?.[main]
  return { id: `${group}/${name}`, group, name, of, folder, title, main, version, plug, packageName: manifest.name }
}

/** Another version of a suite is run with the same files: they are copied beside its package.json. */
export function fillIn(suite) {
  if (suite.of === suite.name) return
  const from = join(matrix, suite.group, suite.of)
  for (const entry of readdirSync(from)) {
    if (['package.json', 'node_modules', 'generated'].includes(entry)) continue
    cpSync(join(from, entry), join(suite.folder, entry), { recursive: true })
  }
}

/** The test files of a suite, as paths in its folder. */
export function testFilesOf(suite) {
  return readdirSync(suite.folder).filter((file) => /\.test\.m?[jt]s$/.test(file))
}

/** The version of a package that a suite has got, as it says itself. */
export function installedVersion(suite) {
  if (suite.main === undefined) return undefined
  const manifest = join(suite.folder, 'node_modules', suite.main, 'package.json')
  return JSON.parse(readFileSync(manifest, 'utf8')).version
}
