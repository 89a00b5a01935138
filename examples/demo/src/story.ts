import { setTimeout as sleep } from 'node:timers/promises'
import type { Lab } from '@flyroute/lab'
import { Client } from './client.ts'
import { ms, type Narrator } from './narrator.ts'

/** How far (ms, there and back) the other regions are from the primary's. */
export interface Distances {
  readonly [region: string]: number
}

/** What each chapter has to work with. */
interface Stage {
  readonly lab: Lab
  readonly narrator: Narrator
  readonly home: string
  /** The two regions that have a replica. */
  readonly away: readonly [string, string]
  readonly distances: Distances
}

/** Tells everything that flyroute promises, and measures it. */
export async function tellStory(lab: Lab, narrator: Narrator, distances: Distances): Promise<void> {
  const home = lab.primaryRegion
  const [first = home, second = home] = lab.regions.filter((region) => region !== home)
  const stage: Stage = { lab, narrator, home, away: [first, second], distances }
  await warmUp(stage)
  const chapters = [reads, write, transaction, getThatWrites, ownWrite, upload, killedReplica]
  for (const chapter of chapters) await chapter(stage)
}

/** Connections are opened by the first requests; what is measured is what follows. */
async function warmUp({ lab }: Stage): Promise<void> {
  for (const region of lab.regions) {
    const client = new Client(lab, region)
    for (let count = 0; count < 3; count++) await client.get('/posts')
    await client.post('/posts', { title: `Hello from ${region}` })
  }
  await lab.databases.caughtUp()
}

async function reads({ lab, narrator, home, distances }: Stage): Promise<void> {
  narrator.title('A read is answered locally')
  for (const region of lab.regions) {
    const visit = await new Client(lab, region).get('/posts')
    const member = region === home ? 'primary' : 'replica'
    const near = region === home || visit.milliseconds < (distances[region] ?? 0) / 2
    narrator.show(
      `GET /posts in ${region}: ${ms(visit.milliseconds)}, answered in ${visit.region} by the ${visit.member}`,
      visit.status === 200 && visit.crossings === 0 && visit.member === member && near,
      `a read in ${region} is answered there, by its ${member}, without crossing an ocean`,
    )
  }
}

async function write({ lab, narrator, home, away, distances }: Stage): Promise<void> {
  narrator.title('A write crosses the ocean once')
  for (const region of away) {
    const visit = await new Client(lab, region).post('/posts', { title: `Written in ${region}` })
    narrator.show(
      `POST /posts in ${region}: ${ms(visit.milliseconds)}, by way of ${visit.route} (the ocean alone takes ${distances[region]} ms)`,
      visit.status === 201 && visit.region === home && visit.crossings === 1,
      `a POST in ${region} is replayed to ${home} once, and answered there`,
    )
  }
  narrator.say('No handler ran twice: the method says that it writes, so it was sent home before the app was asked.')
}

async function transaction({ lab, narrator, home, away: [, region] }: Stage): Promise<void> {
  narrator.title('A transaction turns into a write half-way')
  const visit = await new Client(lab, region).get('/report')
  narrator.show(
    `GET /report in ${region}: begin, select… then insert: refused before it is sent, run again in ${visit.region}: ${ms(visit.milliseconds)}`,
    visit.status === 200 && visit.region === home && visit.crossings === 1,
    'a transaction that writes half-way is run again, whole, on the primary',
  )
}

async function getThatWrites({ lab, narrator, home, away: [region] }: Stage): Promise<void> {
  narrator.title('A GET that writes (it counts views)')
  const visit = await new Client(lab, region).get('/posts/1')
  narrator.show(
    `GET /posts/1 in ${region}: ${ms(visit.milliseconds)}, by way of ${visit.route}`,
    visit.status === 200 && visit.region === home && visit.crossings === 1,
    'a GET that writes is noticed at its statement and replayed',
  )
}

async function ownWrite({ lab, narrator, away: [region], distances }: Stage): Promise<void> {
  narrator.title('You read what you wrote, although the replica is 2 seconds behind')
  const replica = lab.databases.node(region)
  await replica.setApplyDelay(2_000)
  const author = new Client(lab, region)
  const title = 'Did you see this?'
  const written = await author.post('/posts', { title })
  const own = await author.get('/posts')
  narrator.show(
    `the author reads in ${region} right after: sees it, by way of ${own.route}: ${ms(own.milliseconds)}`,
    written.status === 201 && mentions(own.body, title),
    'no user ever reads a past without their own write in it',
  )
  const crossing = distances[region] ?? 0
  // On a machine that is busy everything takes longer, a write by way of a replay too.
  const aReplay = Math.max(crossing * 1.5 + 60, 3 * written.milliseconds)
  narrator.show(
    'the replica was given a chance, as long as a replay takes, and not two seconds',
    own.milliseconds < Math.max(2 * aReplay, 1_000),
    'a wait for the replica takes about as long as a replay at most',
  )
  const again = await author.get('/posts')
  narrator.show(
    `the author reads again: ${ms(again.milliseconds)}; it is known by now how far the replica is behind, and no request waits in vain`,
    mentions(again.body, title) && again.milliseconds < aReplay,
    'a wait that will not succeed is not begun',
  )
  const other = await new Client(lab, region).get('/posts')
  narrator.show(
    `another user reads in ${region}: ${ms(other.milliseconds)}, from the replica; the author's write does not slow them down`,
    other.crossings === 0 && other.member === 'replica',
    'who has written nothing reads locally',
  )
  await replica.setApplyDelay(0)
  await lab.databases.caughtUp()
  const later = await author.get('/posts')
  narrator.show(
    `the replica has caught up, and the author is back on the local replica: ${ms(later.milliseconds)}`,
    later.crossings === 0 && mentions(later.body, title),
    'as soon as the replica has the write, its author reads locally again',
  )
}

async function upload({ lab, narrator, away: [, region] }: Stage): Promise<void> {
  narrator.title('An upload of 1.5 MB, more than Fly Proxy can replay')
  const bytes = 1_500_000
  const visit = await new Client(lab, region).upload('/uploads', bytes)
  const stored = (visit.body as { bytes?: number }).bytes
  narrator.show(
    `POST /uploads in ${region}: ${ms(visit.milliseconds)}, received in ${visit.region}, ${stored} bytes noted on the primary from there`,
    visit.status === 201 && visit.crossings === 0 && stored === bytes,
    'what cannot be replayed runs where it is, with a connection to the primary',
  )
}

async function killedReplica({ lab, narrator, home, away: [region] }: Stage): Promise<void> {
  narrator.title(`The replica in ${region} is killed`)
  const replica = lab.databases.node(region)
  await replica.kill()
  const client = new Client(lab, region)
  const visits = []
  for (let count = 0; count < 5; count++) visits.push(await client.get('/posts'))
  const slowest = Math.max(...visits.map((visit) => visit.milliseconds))
  narrator.show(
    `5 reads in ${region}: all answered, in ${home}, the slowest in ${ms(slowest)}`,
    visits.every((visit) => visit.status === 200 && visit.region === home),
    'with a dead replica every read is still answered, at the price of a replay',
  )
  await replica.start()
  const begun = performance.now()
  let visit = await client.get('/posts')
  while (visit.crossings > 0 && performance.now() - begun < 10_000) {
    await sleep(50)
    visit = await client.get('/posts')
  }
  narrator.show(
    `it is started again: ${ms(performance.now() - begun)} later reads are answered locally, in ${ms(visit.milliseconds)}`,
    visit.crossings === 0 && visit.member === 'replica',
    'within seconds of its recovery the replica is used again',
  )
}

function mentions(posts: unknown, title: string): boolean {
  return Array.isArray(posts) && posts.some((post: { title?: string }) => post.title === title)
}
