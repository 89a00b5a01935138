/** What a routine or a view of the app's may do; added up where a name stands for several. */
export const MAY_WRITE = 1
/** It may meet a replica's refusal and not say so: it catches errors, or asks whether this is a replica. */
export const MAY_HIDE_REFUSAL = 2
/** The server was not asked for it yet: what it may do is about to be known. */
export const NOT_KNOWN_YET = 4
/** It names what may be a view, and which views write is not known yet. */
export const MAY_BE_A_VIEW = 8

/** What a server's catalogue knows of the routines and views that are not the server's own. */
export interface Writers {
  /** All routines, in lower case, once with their schema and once without. */
  readonly routines: ReadonlyMap<string, number>
  /** What a text need only mention: views, tables, types and operators that call what may write, and such functions with a name of the server's own. */
  readonly mentions: ReadonlyMap<string, number>
}

/** Collects what the rows of a catalogue say. */
export class WritersBuilder implements Writers {
  readonly routines: Map<string, number> = new Map()
  readonly mentions: Map<string, number> = new Map()

  routine(schema: string, name: string, flags: number): void {
    for (const key of [name, `${schema}.${name}`]) add(this.routines, key, flags)
  }

  mention(name: string, flags: number): void {
    if (flags !== 0) add(this.mentions, name, flags)
  }
}

function add(map: Map<string, number>, name: string, flags: number): void {
  const key = name.toLowerCase()
  map.set(key, (map.get(key) ?? 0) | flags)
}
