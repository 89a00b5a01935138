import { type Check, fail, warn } from '../check.ts'

const migrates = /\bmigrat|\bprisma db push\b|\bdb:push\b|\bschema:update\b/i

/** Whether a URL leads through a pooler, as far as it shows. */
function isPooled(url: string | undefined): boolean {
  return url !== undefined && /@pgbouncer\.|:6432\b|[?&]pgbouncer=true/i.test(url)
}

/** What fly.toml says, and what LiteFS makes of it. */
export const flyChecks: readonly Check[] = [
  {
    name: 'http-handler',
    symptom: 'fly-replay is not read: the client gets an empty answer with status 409',
    examine({ fly }) {
      if (fly === undefined || fly.services.length === 0) return undefined
      return fly.services.some(({ speaksHttp }) => speaksHttp)
        ? 'Fly Proxy speaks HTTP'
        : fail(
            'no service of fly.toml has the handler "http"',
            'use [http_service], or handlers = ["http"] and ["tls", "http"]',
          )
    },
  },
  {
    name: 'primary-machine',
    symptom: 'the first replay waits for a Machine to start, or comes back',
    examine({ fly }) {
      const stopping = fly?.services.filter(({ speaksHttp, autoStops }) => speaksHttp && autoStops) ?? []
      if (stopping.length === 0) return undefined
      return stopping.some(({ minMachines }) => minMachines === 0)
        ? warn('no Machine is kept running in the primary region', 'min_machines_running = 1, which counts there')
        : 'one is kept running in the primary region'
    },
  },
  {
    name: 'replay-cache',
    symptom: 'everyone with the cookie is served by the primary region, reads too',
    examine({ fly }) {
      const [cookie] = fly?.replayCacheCookies ?? []
      return cookie === undefined
        ? undefined
        : warn(
            `the replay_cache goes by the cookie ${cookie}: who is logged in is replayed for all that it lasts`,
            'take it out of fly.toml, or limit it to paths that only write',
          )
    },
  },
  {
    name: 'migrations-at-boot',
    symptom: 'migrations run in every region at once, and fail on replicas',
    examine({ fly, startScript }) {
      if (fly === undefined) return undefined
      const command = [...fly.commands, startScript ?? ''].find((text) => migrates.test(text))
      return command === undefined
        ? undefined
        : warn(
            'the app migrates when it starts, in every region',
            'move that to release_command, which runs once, in the primary region',
          )
    },
  },
  {
    name: 'migrations-pooler',
    symptom: 'migrations hang or fail: their locks and prepared statements end with each transaction',
    examine({ fly, env }) {
      if (fly?.releaseCommand === undefined || !migrates.test(fly.releaseCommand)) return undefined
      const leadsAround = env.DIRECT_DATABASE_URL !== undefined && !isPooled(env.DIRECT_DATABASE_URL)
      return isPooled(env.DATABASE_URL) && !leadsAround
        ? warn(
            'the release_command migrates, and DATABASE_URL leads through a pooler',
            'set DIRECT_DATABASE_URL, and migrate with migrationUrl()',
          )
        : 'they lead around poolers'
    },
  },
  {
    name: 'health-check',
    symptom: 'a region is taken out of service that replays could serve',
    examine({ health }) {
      if (health === undefined) return undefined
      const { path, status, body } = health
      if (status >= 300 && status < 400)
        return fail(
          `${path} answers with a redirect, which Fly's checks do not follow`,
          'let it answer by itself, ahead of what redirects',
        )
      if (status >= 500 && /above the threshold/.test(body))
        return warn(`${path} fails on lag`, 'leave out maxLagSeconds and maxLagBytes: replays serve those clients')
      return status < 300 ? `${path} answers ${status}` : fail(`${path} answers ${status}`, 'look at what it says')
    },
  },
  {
    name: 'litefs-autostop',
    symptom: 'data are lost: a Machine that comes back with old ones may become the primary',
    examine({ litefs, fly }) {
      if (litefs === undefined || fly === undefined) return undefined
      return fly.services.some(({ autoStops }) => autoStops)
        ? fail('LiteFS, and Machines that stop by themselves', 'auto_stop_machines = "off"')
        : 'no Machine stops by itself'
    },
  },
  {
    name: 'litefs-hostname',
    symptom: 'requests are replayed to the primary region, and not to the Machine that is the primary',
    examine({ litefs }) {
      return litefs?.hostname === undefined
        ? undefined
        : warn('litefs.yml sets lease.hostname', 'leave it unset: then the primary goes by the id of its Machine')
    },
  },
]
