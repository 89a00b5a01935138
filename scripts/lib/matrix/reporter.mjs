// A reporter of node:test: one line of JSON for each test that is over, with the names of what it stands in.
import { inspect } from 'node:util'

export default async function* report(source) {
  const names = []
  const output = []
  for await (const { type, data } of source) {
    if (type === 'test:start') {
      names.length = data.nesting
      names.push(data.name)
    } else if (type === 'test:stdout' || type === 'test:stderr') {
      output.push(data.message)
    } else if (type === 'test:fail' || (type === 'test:pass' && data.details.type !== 'suite')) {
      const path = [...names.slice(0, data.nesting), data.name]
      const skipped = data.skip ?? data.todo
      const error = data.details.error?.cause ?? data.details.error
      // A suite fails with its tests, which have said why; by itself it fails where a hook has.
      if (data.details.type === 'suite' && data.details.error?.failureType === 'subtestsFailed') continue
      const told = error === undefined ? undefined : inspect(error, { depth: 8 })
      yield `${JSON.stringify({ path, passed: type === 'test:pass', skipped, error: told })}\n`
    }
  }
  yield `${JSON.stringify({ output: output.join('') })}\n`
}
