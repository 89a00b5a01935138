// The suites: which files of a driver's checkout are tests, how one is run, and where ours comes in.
import { existsSync, globSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from '../ground.mjs'

/**
 * @typedef {object} Hooks what hook.mjs does in a process of the suite
 * @property {string[]} tests whose imports it looks at: folders
 * @property {Record<string, string>} installed names that are looked up from another place: the file to look from
 * @property {Record<string, string>} folders of the checkout, or files, and what stands for them: the installed ones
 * @property {Record<string, string>} standIns by name, or file after that: the file of ours
 * @property {Record<string, [string, string][]>} edits by file: what is replaced in it
 *
 * @typedef {object} Suite
 * @property {string[]} servers what has to run: `postgres`, `mysql`
 * @property {string[]} files the tests
 * @property {(file: string) => string[]} command what Node is started with to run one of them
 * @property {string} output how it says which tests have passed: `lines`, `mocha` or `poku`
 * @property {string} folder where it is run
 * @property {(isOurs: boolean, way: string) => Hooks} hooks
 * @property {Record<string, string>} [environment] more variables for all runs
 * @property {Record<string, string>} [onFly] more variables for the runs on Fly
 * @property {[tests: RegExp, why: string, run?: string][]} [excused] tests that may fail with ours, in one kind of run or in all
 * @property {string[]} ways how ours comes in: more than one, where there is more than one
 */

const here = dirname(fileURLToPath(import.meta.url))
const standIn = (name) => join(here, 'stand-ins', `${name}.cjs`)
const reporter = join(here, 'reporter.cjs')
/** @type {Hooks} */
const none = { tests: [], installed: {}, folders: {}, standIns: {}, edits: {} }

/** The suites by name, each with the folder of a checkout as its argument. @type {Record<string, (path: string) => Suite>} */
export const suites = {
  pg: (path) => ofPg(path, 'packages/pg', 'test/{unit,integration}/**/*-tests.js'),
  'pg-pool': (path) => ofPg(path, 'packages/pg-pool', 'test/*.js', mocha),
  'pg-cursor': (path) => ofPg(path, 'packages/pg-cursor', 'test/*.js', mocha),
  'pg-query-stream': (path) => ofPg(path, 'packages/pg-query-stream', 'test/*.ts', mocha),
  mysql2: ofMysql2,
  'better-sqlite3': ofBetterSqlite3,
  kysely: ofKysely,
}

/** @param {typeof mocha} [through] what runs them; else each is a program of its own. @returns {Suite} */
function ofPg(path, name, pattern, through) {
  const folder = join(path, name)
  const pg = installed('pg', 'pg')
  const beside = (dependency) => dirname(createRequire(join(pg, 'package.json')).resolve(dependency))
  const place = (of) => join(path, 'packages', of)
  const folders = {
    [place('pg')]: pg,
    [place('pg-pool')]: beside('pg-pool'),
    [place('pg-cursor')]: installed('pg', 'pg-cursor'),
    [join(place('pg-query-stream'), 'src/index.ts')]: join(installed('pg', 'pg-query-stream'), 'dist/index.js'),
  }
  const ours = {
    [join(pg, 'lib/index.js')]: standIn('pg'),
    [join(pg, 'esm/index.mjs')]: standIn('pg'),
    [join(pg, 'lib/client.js')]: standIn('pg-client'),
    [join(beside('pg-pool'), 'index.js')]: standIn('pg-pool'),
  }
  const suite = join(folder, 'test/suite.js')
  return {
    servers: ['postgres'],
    folder,
    files: filesOf(folder, pattern),
    ways: ['driver'],
    ...(through?.(path) ?? { output: 'lines', command: (file) => [file] }),
    excused: [
      [
        /gh-issues\/3174|unit\/client\/(prepared-statement|query-queue|result-metadata|simple-query|stream-and-query-error|throw-in-bind)/,
        'its server is one that only shakes hands: it cannot say what it is',
        'primary',
      ],
    ],
    hooks: (isOurs) => ({
      ...none,
      tests: [join(folder, 'test')],
      folders,
      standIns: isOurs ? ours : {},
      // A test that fails ends the process: so that the others are run as well, it is only told.
      edits: existsSync(suite) ? { [suite]: [['process.exit(-1)', 'cb()']] } : {},
    }),
  }
}

/** @returns {Suite} */
function ofMysql2(path) {
  const mysql2 = installed('mysql2', 'mysql2')
  const folders = {}
  for (const name of ['index.js', 'promise.js', 'lib']) folders[join(path, name)] = join(mysql2, name)
  return {
    servers: ['mysql'],
    folder: path,
    // What another test of the folder imports is no test by itself.
    files: filesOf(path, 'test/{unit,integration,global}/**/*.test.{mts,cts,mjs,cjs}'),
    ways: ['driver'],
    output: 'poku',
    command: (file) => [file],
    environment: { CI: '1' },
    excused: [
      [
        /connection\/test-(connect-sha1|quit)\./,
        'its server is one that only shakes hands: it cannot say what it is',
        'primary',
      ],
      [
        /test-pool-getconnection-contract\.test\.mts($| › (should inherit getConnection|Pool getConnection contract))/,
        "a pool inherits ours, which calls the driver's: what is put in place of either is called",
      ],
    ],
    hooks: (isOurs) => ({
      ...none,
      tests: [join(path, 'test')],
      folders,
      standIns: isOurs
        ? {
            [join(mysql2, 'index.js')]: standIn('mysql2'),
            [join(mysql2, 'promise.js')]: standIn('mysql2-promise'),
          }
        : {},
    }),
  }
}

/** @returns {Suite} */
function ofBetterSqlite3(path) {
  const driver = installed('better-sqlite3', 'better-sqlite3')
  return {
    servers: [],
    folder: path,
    files: filesOf(path, 'test/[0-9]*.js').filter((file) => !/\/0\d\./.test(file)),
    ways: ['driver'],
    ...mocha(path, ['--file', 'test/00.setup.js']),
    // Where the suite puts its files: as if LiteFS were mounted there, and this were its primary.
    onFly: { LITEFS_DIR: join(path, 'temp') },
    excused: [
      [
        /prototype chain|called as a function|subclassed/,
        'openDatabase is a function: there is no class to inherit from',
      ],
    ],
    hooks: (isOurs) => ({
      ...none,
      tests: [join(path, 'test')],
      folders: { [join(path, 'lib')]: join(driver, 'lib') },
      standIns: isOurs ? { [join(driver, 'lib/index.js')]: standIn('better-sqlite3') } : {},
    }),
  }
}

/** @returns {Suite} */
function ofKysely(path) {
  const folder = join(path, 'test/node/dist')
  const dialects = join(path, 'dist/index.js')
  const drivers = { pg: standIn('pg'), mysql2: standIn('mysql2'), 'better-sqlite3': standIn('better-sqlite3') }
  return {
    servers: ['postgres', 'mysql'],
    folder: path,
    files: filesOf(path, 'test/node/dist/*.test.js'),
    ways: ['dialect', 'pools'],
    ...mocha(path, ['--timeout', '15000']),
    environment: { DIALECTS: 'postgres,mysql,sqlite,pglite', FLYROUTE_SUITE_KYSELY: dialects },
    hooks: (isOurs, way) => ({
      ...none,
      tests: [folder],
      installed: {
        pg: join(root, 'packages/pg/package.json'),
        mysql2: join(root, 'packages/mysql2/package.json'),
        'better-sqlite3': join(root, 'packages/better-sqlite3/package.json'),
      },
      standIns: isOurs ? (way === 'dialect' ? { [dialects]: standIn('kysely') } : drivers) : {},
      edits: {
        [join(folder, 'test-setup.js')]: [
          ["host: 'localhost'", "host: '127.0.0.1'"],
          ['port: 5434', 'port: Number(process.env.PGPORT)'],
          ['port: 3308', 'port: Number(process.env.MYSQL_PORT)'],
        ],
      },
    }),
  }
}

/** How files are run by the mocha of a checkout. @returns {Pick<Suite, 'output' | 'command'>} */
function mocha(path, /** @type {string[]} */ more = []) {
  const bin = createRequire(join(path, 'package.json')).resolve('mocha/bin/_mocha')
  return {
    output: 'mocha',
    command: (file) => [bin, '--no-config', '--exit', '--timeout', '5000', '--reporter', reporter, ...more, file],
  }
}

function filesOf(folder, pattern) {
  const files = globSync(pattern, { cwd: folder }).toSorted()
  if (files.length === 0) {
    throw new TypeError(`${folder} holds no ${pattern}: is it a checkout of the driver, and built?`)
  }
  return files.map((file) => join(folder, file))
}

/** The folder of a package that one of ours has. */
function installed(ours, name) {
  const { resolve } = createRequire(join(root, 'packages', ours, 'package.json'))
  return /^.*\/node_modules\/[^/]+(?=\/)/.exec(resolve(name))?.[0] ?? ''
}
