// What `pnpm demo` runs: Fly on this machine, with the Express example in three regions and a Postgres in each.
// In a terminal it stays up when the story is told, until Ctrl-C; else it ends, with 1 where a promise did not hold.
import { once } from 'node:events'
import { join } from 'node:path'
import { startLab } from '@flyroute/lab'
import { ms, Narrator } from './narrator.ts'
import { tellStory } from './story.ts'

const distances = { ams: 95, gru: 130 }
const example = join(import.meta.dirname, '../../express')
const narrator = new Narrator()

const begun = performance.now()
await using lab = await startLab({
  regions: ['ord', 'ams', 'gru'],
  primaryRegion: 'ord',
  rtt: { 'ord-ams': distances.ams, 'ord-gru': distances.gru, 'ams-gru': 190 },
  command: [process.execPath, 'src/server.ts'],
  setup: [process.execPath, 'src/migrate.ts'],
  cwd: example,
})
narrator.title('Three regions on this machine')
narrator.say('ord (Chicago)     the primary database, and the app')
narrator.say(`ams (Amsterdam)   a streaming replica, and the app; ${distances.ams} ms from ord and back`)
narrator.say(`gru (São Paulo)   a streaming replica, and the app; ${distances.gru} ms from ord and back`)
narrator.say(
  `A real Postgres in each, Fly Proxy in front, oceans in between: up after ${ms(performance.now() - begun)}.`,
)

await tellStory(lab, narrator, distances)

narrator.title(
  narrator.broken.length === 0 ? 'All of it held.' : `${narrator.broken.length} of the promises did not hold:`,
)
for (const promise of narrator.broken) narrator.say(`- ${promise}`)
if (process.stdout.isTTY && process.stdin.isTTY) {
  narrator.title('Try it: each of these is the app as a user near that region sees it')
  for (const region of lab.regions) narrator.say(`${region}  ${lab.url(region)}/posts`)
  narrator.say('Ctrl-C ends everything.')
  await once(process, 'SIGINT')
}
process.exitCode = narrator.broken.length === 0 ? 0 : 1
