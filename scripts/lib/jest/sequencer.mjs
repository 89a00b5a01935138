// The longest files first, so that none is left alone at the end. Jest remembers how long each took on this machine; where it
// never ran, it would go by the size of the files, and a long suite is often a file of ten lines.
import { relative } from 'node:path'
import Sequencer from '@jest/test-sequencer'
import { seconds } from './seconds.mjs'

const rest = 1

/** Its types say that it is a CommonJS module. @type {any} */
const Base = Sequencer

export default class LongestFirst extends Base {
  /** In ms. */
  time(test) {
    const path = relative(test.context.config.rootDir, test.path)
    return super.time(test) ?? 1_000 * (seconds[path] ?? rest)
  }
}
