import type { ResolveTopologyOptions } from '@flyroute/core'
import type { Options } from 'better-sqlite3'

/** What flyroute wants to know beside the driver's own options. */
export interface FlyrouteOptions extends Pick<ResolveTopologyOptions, 'env' | 'region' | 'primaryRegion'> {
  /** Tells the databases of one app apart, the same in every region. Default: the file's name. */
  readonly name?: string | undefined
  /** LiteFS's mount: `fuse.dir` of litefs.yml. Default: `LITEFS_DIR`, else the database's folder if LiteFS is there. */
  readonly litefsDir?: string | undefined
  /**
   * Whether this node may become the primary: `lease.candidate` of litefs.yml. Decides what a node is that names no
   * primary. Default: in the primary's region, as LiteFS's documentation has it.
   */
  readonly candidate?: boolean | undefined
  /**
   * Whether each machine may have a file of its own, which nothing replicates: a cache, a job queue. Otherwise a file
   * outside of LiteFS is refused where this is not the primary region, because what is written to it would be seen nowhere
   * else. Default: false.
   */
  readonly unreplicated?: boolean | undefined
  /** What a replay to the primary's machine costs from here (ms). Default: estimated from the distance. */
  readonly replayCostMs?: number | undefined
}

/** Options of `openDatabase`: the driver's own, and flyroute's. */
export interface FlyrouteDatabaseOptions extends Options, FlyrouteOptions {}

/** The two sorts of options apart. */
export function splitOptions(options: FlyrouteDatabaseOptions): [ours: FlyrouteOptions, drivers: Options] {
  // For the driver to refuse, in its own words.
  if (typeof options !== 'object') return [{}, options]
  const { name, litefsDir, candidate, unreplicated, replayCostMs, env, region, primaryRegion, ...drivers } = options
  return [{ name, litefsDir, candidate, unreplicated, replayCostMs, env, region, primaryRegion }, drivers]
}
