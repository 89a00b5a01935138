import fc from 'fast-check'

/** What a statement does: a read, a write by its text, or a call of a function that writes, which no text shows. */
export type What = 'read' | 'write' | 'call'

/**
 * What the network and the server do to a statement: nothing, an error of the app's own; or the connection is lost before it
 * was run, behind it, or behind its answer and ahead of whatever else is asked. `conflict`: replay cancels it, on a replica.
 */
export type Fate = 'runs' | 'fails' | 'lost-before' | 'lost-after' | 'lost-behind' | 'conflict'

/** The same by the role of the server that gets it; each strikes once a run of the program. */
export interface Fates {
  readonly primary: Fate
  readonly replica: Fate
}

export interface Statement {
  /** Tells it apart from all others of its program. Given by `number`. */
  readonly id: string
  readonly what: What
  readonly fates: Fates
  /** The app catches its error and goes on. */
  readonly swallows: boolean
}

export interface QueryStep extends Statement {
  readonly kind: 'query'
  readonly database: number
  readonly onPrimary: boolean
}

/** What runs on a connection that was checked out. */
export interface SessionStep {
  readonly kind: 'session'
  readonly id: string
  readonly database: number
  readonly onPrimary: boolean
  /** Undefined: no transaction. */
  readonly ends: 'commit' | 'rollback' | undefined
  /** Begins with a setting. */
  readonly sets: boolean
  readonly statements: readonly Statement[]
  /** Of its COMMIT. */
  readonly fate: Fate
  readonly swallows: boolean
}

export interface BranchesStep {
  readonly kind: 'branches'
  readonly branches: readonly (readonly (QueryStep | SessionStep)[])[]
  /** `forgotten`: nothing waits for them, and their errors are caught. */
  readonly waits: 'all' | 'settled' | 'forgotten'
}

export type Step = QueryStep | SessionStep | BranchesStep

/** How a connection comes to be. */
export type Connecting = 'at-once' | 'later' | 'refused'

export interface Program {
  /** The middleware that the request goes through. */
  readonly middleware: 'node-handler' | 'node-middleware' | 'fetch'
  readonly databases: number
  readonly steps: readonly Step[]
  /** How many steps there are before the answer; what is left goes on behind it, and nothing waits for that. */
  readonly answersAfter: number
  /** Whether what is left begins when the answer does, or at any later time. */
  readonly goesOn: 'at-once' | 'later'
  readonly consistency: 'none' | 'read-your-writes' | 'monotonic'
  /** It cannot be replayed: its body is too large. */
  readonly isTooLarge: boolean
  /** How many connections there are to the local server, and to the primary from a replica's region. */
  readonly max: number
  readonly primaryMax: number
  readonly connecting: readonly Connecting[]
}

const one = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values)
const often = <T>(weight: number, usual: T, ...others: T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: one(...others) })

const fate = often<Fate>(6, 'runs', 'fails', 'lost-before', 'lost-after', 'lost-behind')
const fates = fc.record({ primary: fate, replica: often<Fate>(12, 'runs', 'fails', 'lost-before', 'conflict') })
const swallows = often(4, false, true)
const id = fc.constant('')
const what = one<What>('read', 'write', 'write', 'call')
const statement = fc.record<Statement>({ id, what, fates, swallows })
const onPrimary = often(5, false, true)
const database = one(0, 1)

const query = fc.record<QueryStep>({ kind: fc.constant('query'), id, what, fates, swallows, database, onPrimary })
const session = fc.record<SessionStep>({
  kind: fc.constant('session'),
  id,
  database,
  onPrimary,
  ends: often<SessionStep['ends']>(4, 'commit', 'rollback', undefined, undefined),
  sets: often(5, false, true),
  statements: fc.array(statement, { minLength: 1, maxLength: 3 }),
  fate,
  swallows,
})
const single = fc.oneof({ weight: 3, arbitrary: query }, { weight: 2, arbitrary: session })
const branches = fc.record<BranchesStep>({
  kind: fc.constant('branches'),
  branches: fc.array(fc.array(single, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 3 }),
  waits: one('all', 'settled', 'forgotten'),
})
const step = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  { weight: 3, arbitrary: single },
  { weight: 2, arbitrary: branches },
)

/** What a handler does, and what befalls it. */
export const programs: fc.Arbitrary<Program> = fc
  .record<Program>({
    middleware: one('node-handler', 'node-middleware', 'fetch'),
    databases: often(2, 1, 2),
    steps: fc.array(step, { minLength: 1, maxLength: 3 }),
    answersAfter: often(2, 3, 0, 1, 2),
    goesOn: one('at-once', 'later'),
    consistency: often(4, 'read-your-writes', 'monotonic', 'none'),
    isTooLarge: often(8, false, true),
    max: one(1, 2),
    primaryMax: one(1, 2),
    connecting: fc.array(often<Connecting>(6, 'at-once', 'later', 'later', 'refused'), { maxLength: 6 }),
  })
  .map(number)

/** Gives each statement its own name, in the order of the text. */
function number(program: Program): Program {
  let count = 0
  const name = (): string => `s${++count}`
  const numbered = <S extends Step>(step: S): S => {
    if (step.kind === 'branches') return { ...step, branches: step.branches.map((branch) => branch.map(numbered)) }
    const database = step.database % program.databases
    if (step.kind === 'query') return { ...step, database, id: name() }
    return { ...step, database, id: name(), statements: step.statements.map((one) => ({ ...one, id: name() })) }
  }
  return { ...program, steps: program.steps.map(numbered) }
}

/** What a program does, in the words of a handler. */
export function printProgram(program: Program): string {
  const { steps, answersAfter, goesOn, ...rest } = program
  const lines = [JSON.stringify(rest)]
  steps.forEach((step, index) => {
    if (index === answersAfter) lines.push(`answer (${goesOn})`)
    lines.push(...printStep(step, '  '))
  })
  if (answersAfter >= steps.length) lines.push('answer')
  return lines.join('\n')
}

function printStep(step: Step, indent: string): string[] {
  if (step.kind === 'branches') {
    const inner = step.branches.flatMap((branch, index) => [
      `${indent}  branch ${index + 1}`,
      ...branch.flatMap((one) => printStep(one, `${indent}    `)),
    ])
    return [`${indent}branches (${step.waits})`, ...inner]
  }
  const place = `${step.onPrimary ? 'on primary ' : ''}${step.database === 0 ? 'one' : 'two'}`
  if (step.kind === 'query') return [`${indent}${place} ${printStatement(step)}`]
  const flags = `${step.sets ? ' set' : ''}${step.swallows ? ' (swallows)' : ''}`
  const end = step.ends === undefined ? 'no transaction' : `${step.ends} (${step.fate})`
  return [
    `${indent}${place} session ${step.id}: ${end}${flags}`,
    ...step.statements.map((one) => `${indent}  ${printStatement(one)}`),
  ]
}

function printStatement({ id, what, fates, swallows }: Statement): string {
  return `${what} ${id} (${fates.primary}, on a replica ${fates.replica})${swallows ? ' swallows' : ''}`
}
