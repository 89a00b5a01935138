// `pnpm bench [name…] [--option…]`: runs bench/<name>.ts, or all of them, one after the other on the built packages.
// Options are passed on to each.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { assertGround, root } from './lib/ground.mjs'
import { endLeftovers, markRun } from './lib/leftovers.mjs'
import { build, run, setUpEnvironment } from './lib/run.mjs'

assertGround()
setUpEnvironment()
const folder = join(root, 'bench')
const all = readdirSync(folder)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3))
const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('-'))
const options = process.argv.slice(2).filter((argument) => argument.startsWith('-'))
const unknown = asked.filter((name) => !existsSync(join(folder, `${name}.ts`)))
if (unknown.length > 0) {
  console.error(`There is no benchmark called ${unknown.join(' or ')}. There are: ${all.join(', ')}`)
  process.exit(1)
}

const marked = markRun()
let well = await build()
for (const name of asked.length > 0 ? asked : all) {
  if (!well) break
  console.log(`\n── ${name}`)
  well = await run(process.execPath, [join(folder, `${name}.ts`), ...options])
}
const clean = await endLeftovers(marked)
process.exitCode = well && clean ? 0 : 1
