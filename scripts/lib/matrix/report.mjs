// What a run has shown, kept in matrix/results.json, and the tables of the README that are made of it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../ground.mjs'
import { matrix } from './suites.mjs'

const file = join(matrix, 'results.json')
const readme = join(root, 'README.md')

/** The results of the last runs, by suite. */
export const readResults = () => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {})

/** The results with those of this run in their places. */
export function merge(results, runs, all) {
  const merged = { ...results }
  for (const run of runs) merged[run.suite.id] = summaryOf(run)
  // What there is no more has no results.
  return Object.fromEntries(all.filter(({ id }) => merged[id]).map(({ id }) => [id, merged[id]]))
}

/** Counts, by what a test stands in: `{ 'flyroute on a replica': { reads: '10/10' } }`, passed and all. */
function summaryOf({ suite, version, tests }) {
  const counts = {}
  for (const { path, passed } of tests) {
    const [subject, group] = [path[0], path.length > 2 ? path[1] : 'all']
    counts[subject] ??= {}
    const [before, all] = readCount(counts[subject][group] ?? '0/0')
    counts[subject][group] = `${before + (passed ? 1 : 0)}/${all + 1}`
  }
  const { title, of, main, plug } = suite
  const failed = tests.filter((test) => !test.passed).length
  return { title, of, package: main, version, plug, passed: tests.length - failed, failed, counts }
}

const readCount = (text) => text.split('/').map(Number)

/** What is not as it should be with the files, for `pnpm check`: it runs nothing. */
export function staleResults(suites) {
  const results = readResults()
  const problems = suites
    .filter(({ id, version }) => results[id]?.version !== version)
    .map(({ id }) => `${id}: not run in its version`)
  problems.push(
    ...Object.keys(results)
      .filter((id) => !suites.some((suite) => suite.id === id))
      .map((id) => `${id}: is no more`),
  )
  problems.push(
    ...Object.entries(results).flatMap(([id, { failed }]) => (failed > 0 ? [`${id}: ${failed} failed`] : [])),
  )
  if (renderReadme(results) !== readFileSync(readme, 'utf8'))
    problems.push('README.md: its tables are not those of matrix/results.json')
  return problems.length === 0 ? '' : `${problems.join('\n')}\nRun \`pnpm test:matrix\`, and commit what it writes.`
}

/** The README with its tables made anew. */
function renderReadme(results) {
  return readFileSync(readme, 'utf8').replace(
    /(<!-- matrix:(\w+) -->\n)[\s\S]*?(<!-- \/matrix -->)/g,
    (_, begin, group, end) => {
      return `${begin}\n${tableOf(group, results)}\n${end}`
    },
  )
}

export function writeResults(results) {
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`)
  writeFileSync(readme, renderReadme(results))
}

/** Whether the files say what the results say. */
export function isUpToDate(results) {
  return (
    JSON.stringify(results) === JSON.stringify(readResults()) && renderReadme(results) === readFileSync(readme, 'utf8')
  )
}

function tableOf(group, results) {
  const rows = new Map()
  for (const [id, result] of Object.entries(results)) {
    if (!id.startsWith(`${group}/`)) continue
    rows.set(result.of, [...(rows.get(result.of) ?? []), result])
  }
  return group === 'orms' ? ormTable([...rows.values()]) : plainTable([...rows.values()])
}

const ormGroups = ['reads', 'writes', 'transactions', 'locks', 'schema', 'errors']

function ormTable(rows) {
  const lines = [
    `| | versions | plugged in by | ${ormGroups.join(' | ')} | tests |`,
    `| --- | --- | --- | ${ormGroups.map(() => '---').join(' | ')} | --- |`,
  ]
  for (const versions of rows) {
    const [{ title, plug }] = versions
    const cells = ormGroups.map((group) => operationsOf(versions, group))
    lines.push(`| ${title} | ${versionsOf(versions)} | \`${plug}\` | ${cells.join(' | ')} | ${testsOf(versions)} |`)
  }
  return `${lines.join('\n')}\n`
}

function plainTable(rows) {
  const lines = ['| | versions | plugged in by | what was run | tests |', '| --- | --- | --- | --- | --- |']
  for (const versions of rows) {
    const [{ title, plug, counts }] = versions
    const what = Object.keys(counts).filter((subject) => subject !== 'types')
    lines.push(`| ${title} | ${versionsOf(versions)} | \`${plug}\` | ${what.join('; ')} | ${testsOf(versions)} |`)
  }
  return `${lines.join('\n')}\n`
}

const versionsOf = (versions) => versions.map(({ version }) => version).join(', ')

const testsOf = (versions) =>
  versions.map(({ passed, failed }) => (failed === 0 ? `${passed}` : `${passed}, **${failed} failed**`)).join(', ')

/** How many operations of a group went well with every subject. */
function operationsOf(versions, group) {
  const told = versions.map(({ counts }) => {
    const subjects = Object.values(counts).flatMap((groups) => (groups[group] ? [readCount(groups[group])] : []))
    if (subjects.length === 0) return '–'
    const [least] = subjects.map(([passed]) => passed).sort((a, b) => a - b)
    const most = Math.max(...subjects.map(([, all]) => all))
    return least === most ? `${most}` : `**${least} of ${most}**`
  })
  return [...new Set(told)].join(', ')
}
