// What a run of mutants comes to: which survived, and the scores without those that are excused.
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root } from '../ground.mjs'
import { survivors as known } from './survivors.mjs'

/**
 * Prints the survivors of a file or a folder, and what is excused and survives no more.
 *
 * @param {string} path what was mutated
 * @param {Awaited<ReturnType<import('@stryker-mutator/core').Stryker['runMutationTest']>>} results
 * @param {number} goal in percent, of all together
 * @returns lines of the table: one for each file, and one for all
 */
export function judge(path, results, goal) {
  const mutants = results
    .filter(({ status }) => ['Killed', 'Timeout', 'Survived', 'NoCoverage'].includes(status))
    .toSorted((a, b) => fileOf(a).localeCompare(fileOf(b)) || a.location.start.line - b.location.start.line)
  for (const mutant of mutants) if (hasSurvived(mutant) && excuseOf(mutant) === undefined) console.log(describe(mutant))
  const files = [...new Set(mutants.map(fileOf))]
  for (const excuse of known) {
    const isNeeded = mutants.some((mutant) => hasSurvived(mutant) && excuseOf(mutant) === excuse)
    if (files.includes(excuse.file) && !isNeeded)
      console.log(`Noticed, or gone, and still excused: ${excuse.file}  ${excuse.mutator}  ${excuse.code}`)
  }
  const each = files.map((file) =>
    count(
      mutants.filter((mutant) => fileOf(mutant) === file),
      `  ${relative(path, file)}`,
    ),
  )
  return [...(files.length > 1 ? each : []), count(mutants, path, goal)]
}

function count(mutants, name, goal = 0) {
  const survived = mutants.filter(hasSurvived)
  const excused = survived.filter((mutant) => excuseOf(mutant) !== undefined).length
  const counted = mutants.length - excused
  const score = counted === 0 ? 100 : Math.floor((1000 * (mutants.length - survived.length)) / counted) / 10
  return {
    name,
    score,
    mutants: mutants.length,
    survived: survived.length - excused,
    excused,
    goal,
    isWell: score >= goal,
  }
}

/** @param {readonly ReturnType<typeof count>[]} lines */
export function table(lines) {
  const rows = lines.map(
    ({ name, score, mutants, survived, excused, goal, isWell }) =>
      [
        `${score.toFixed(1)} %`.padStart(8),
        ...[mutants, survived, excused].map((n) => String(n).padStart(10)),
        ` ${name}`,
      ].join('') + (isWell ? '' : `   less than ${goal} %`),
  )
  return ['', '   score   mutants  survived   excused', ...rows].join('\n')
}

const hasSurvived = ({ status }) => status === 'Survived' || status === 'NoCoverage'

function excuseOf(mutant) {
  return known.find(
    ({ file, code, mutator }) =>
      fileOf(mutant) === file && mutant.mutatorName === mutator && lineOf(mutant).includes(code),
  )
}

function describe(mutant) {
  const { location, mutatorName, replacement = '', status } = mutant
  const how = status === 'NoCoverage' ? 'no test reaches it' : 'no test noticed'
  const changed = replacement.replace(/\s+/g, ' ').slice(0, 100)
  return `${fileOf(mutant)}:${location.start.line}  ${mutatorName}, ${how}\n    - ${lineOf(mutant).trim()}\n    + ${changed}`
}

const fileOf = ({ fileName }) => relative(root, join(root, relative(root, fileName)))

const lineOf = (mutant) =>
  readFileSync(join(root, fileOf(mutant)), 'utf8').split('\n')[mutant.location.start.line - 1] ?? ''
