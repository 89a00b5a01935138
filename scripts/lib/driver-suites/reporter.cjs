// A reporter for mocha: a line of JSON for each test as it ends, so that what was found is known even if the process hangs.
const { writeSync } = require('node:fs')

module.exports = class Reporter {
  constructor(runner) {
    const tell = (name, error) => {
      const text = error && String(error.stack ?? error.message ?? error)
      writeSync(1, `\n#test ${JSON.stringify({ name, error: text })}\n`)
    }
    runner.on('pass', (test) => tell(test.fullTitle()))
    runner.on('fail', (test, error) => tell(test.fullTitle(), error))
  }
}
