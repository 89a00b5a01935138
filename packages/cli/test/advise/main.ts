// `pnpm check:advise [app…]`: what `flyroute advise` predicts of apps of examples/, against what the lab measures then.
import { apps } from './apps.ts'
import { compare } from './compare.ts'

const names = process.argv.slice(2)
const chosen = names.length === 0 ? apps : apps.filter(({ name }) => names.includes(name))
if (chosen.length < names.length) throw new Error(`An app is one of ${apps.map(({ name }) => name).join(', ')}`)

console.log(
  'p50 (ms): predicted, measured without what the lab takes, what the lab takes, and how far the first is off',
)
for (const app of chosen) {
  const { comparisons } = await compare(app)
  for (const { region, what, predicted, measured, labMs, isNear } of comparisons) {
    const off = `${(((predicted - measured) / measured) * 100).toFixed(1)} %`
    const figures = [predicted, measured, labMs].map((ms) => ms.toFixed(1).padStart(8)).join('')
    console.log(
      `${isNear ? '✓' : '✗'} ${app.name.padEnd(12)} ${region} ${what.padEnd(15)}${figures} ${off.padStart(9)}`,
    )
    if (!isNear) process.exitCode = 1
  }
}
