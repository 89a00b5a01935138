// Loaded into each process of a driver's suite (`--import`), before anything of it: what the suite imports from its own checkout
// becomes the driver that this repository has installed, and, but for the run with the bare driver, what is ours in its place.
// What to do is in the environment, as JSON (see `Hooks` in suites.mjs).
import { existsSync, statSync } from 'node:fs'
import { createRequire, registerHooks } from 'node:module'
import { extname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const hooks = JSON.parse(process.env.FLYROUTE_DRIVER_SUITE ?? '{}')
const { tests, installed, folders, standIns, edits } = hooks
const require = createRequire(import.meta.url)

registerHooks({ resolve, load })

function resolve(specifier, context, next) {
  if (!isOfTests(context.parentURL)) return next(specifier, context)
  const from = installed[specifier]
  const found =
    from === undefined
      ? find(specifier, context, next)
      : next(specifier, { ...context, parentURL: pathToFileURL(from).href })
  if (!found.url.startsWith('file:')) return found
  const path = moved(fileURLToPath(found.url))
  const standIn = standIns[specifier] ?? standIns[path]
  if (standIn === undefined) return { url: pathToFileURL(path).href, shortCircuit: true }
  const url = pathToFileURL(standIn).href
  return context.conditions.includes('require')
    ? { url, format: 'commonjs', shortCircuit: true }
    : { url: `${url}?names`, format: 'module', shortCircuit: true }
}

function load(url, context, next) {
  if (url.endsWith('.cjs?names')) return { format: 'module', source: withNames(url.slice(0, -6)), shortCircuit: true }
  const edit = url.startsWith('file:') ? edits[fileURLToPath(url)] : undefined
  if (edit === undefined) return next(url, context)
  const loaded = next(url, context)
  let source = String(loaded.source)
  for (const [before, after] of edit) {
    if (!source.includes(before)) throw new Error(`${url} no longer says ${before}`)
    source = source.replaceAll(before, after)
  }
  return { ...loaded, source }
}

/** What TypeScript finds and Node does not: `./a.mjs` that is written in `a.mts`, a folder, a name without its ending. */
function find(specifier, context, next) {
  try {
    return next(specifier, context)
  } catch (error) {
    if (!specifier.startsWith('.')) throw error
    const path = fileURLToPath(new URL(specifier, context.parentURL))
    const sources = [path.replace(/js$/, 'ts'), `${path}.ts`, join(path, 'index.ts')]
    const source = sources.find((name) => name !== path && existsSync(name) && statSync(name).isFile())
    if (source === undefined) throw error
    return { url: pathToFileURL(source).href, shortCircuit: true }
  }
}

/** The same file of the driver as it is installed here. */
function moved(path) {
  for (const [from, to] of Object.entries(folders)) {
    if (path === from) return to
    if (!path.startsWith(`${from}/`) || path.includes('/node_modules/', from.length)) continue
    const there = join(to, path.slice(from.length))
    if (extname(there) !== '' && existsSync(there)) return there
  }
  return path
}

/** A CommonJS module as an ES module with all its names: of one whose exports are made when it runs, Node finds none. */
function withNames(url) {
  const names = []
  for (const name in require(fileURLToPath(url))) if (name !== 'native' && name !== 'default') names.push(name)
  return `import all from ${JSON.stringify(url)}\nexport default all\nexport const { ${names.join(', ')} } = all\n`
}

function isOfTests(url) {
  return url?.startsWith('file:') === true && tests.some((folder) => fileURLToPath(url).startsWith(`${folder}/`))
}
