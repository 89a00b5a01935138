// What a run of mutants comes to: who survived, and the score without those that are excused.
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root } from '../ground.mjs'
import { survivors as known } from './survivors.mjs'

/**
 * Prints the survivors and the score of each file. Says whether the score of all together is high enough.
 *
 * @param {Awaited<ReturnType<import('@stryker-mutator/core').Stryker['runMutationTest']>>} results
 * @param {number} threshold in percent
 */
export function judge(results, threshold) {
  const mutants = results.filter(({ status }) => ['Killed', 'Timeout', 'Survived', 'NoCoverage'].includes(status))
  const lived = mutants.filter(({ status }) => status === 'Survived' || status === 'NoCoverage')
  const [excused, counted] = [lived.filter(isExcused), lived.filter((mutant) => !isExcused(mutant))]
  for (const mutant of counted) console.log(describe(mutant))
  console.log()
  for (const file of new Set(mutants.map(fileOf))) {
    const inFile = mutants.filter((mutant) => fileOf(mutant) === file)
    console.log(`${score(inFile, counted)} %  ${file}`)
  }
  const total = score(mutants, counted)
  console.log(
    `\n${mutants.length} mutants, ${counted.length} survived, ${excused.length} more with a reason: ${total} %`,
  )
  if (total < threshold) console.log(`At least ${threshold} % are wanted.`)
  return mutants.length > 0 && total >= threshold
}

function score(mutants, survived) {
  const wanted = mutants.filter((mutant) => !isExcused(mutant))
  const killed = wanted.filter((mutant) => !survived.includes(mutant))
  return wanted.length === 0 ? 100 : Math.floor((1000 * killed.length) / wanted.length) / 10
}

function isExcused(mutant) {
  return known.some(
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
