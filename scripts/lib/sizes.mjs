// What the packages weigh, in bytes, against what they may weigh. A ceiling that a change has to raise is a decision: raise
// it in the same commit, and say there what the weight buys.
import { buildSync } from 'esbuild'
import { publicPackages, readManifest } from './ground.mjs'

/** Single imports, which have to stay light in an edge function or a browser: minified, with all that they need. */
const single = {
  '{ replayResponse } of @flyroute/core': 7_500,
  '{ classify } of @flyroute/core': 25_000,
}

/** All of an entry point, minified, with core and without any driver. */
const whole = {
  '@flyroute/better-sqlite3': 111_300,
  '@flyroute/cli': 222_600,
  '@flyroute/core': 100_100,
  '@flyroute/core/adapter': 182_600,
  '@flyroute/core/fetch': 56_300,
  '@flyroute/core/node': 59_750,
  '@flyroute/kysely': 172_300,
  '@flyroute/lab': 76_500,
  '@flyroute/lab/databases': 45_000,
  '@flyroute/mysql2': 193_900,
  '@flyroute/mysql2/promise': 191_350,
  '@flyroute/opentelemetry': 9_000,
  '@flyroute/pg': 197_900,
}

/** What is downloaded: tarballs. */
const packed = {
  '@flyroute/better-sqlite3': 16_200,
  '@flyroute/cli': 25_000,
  '@flyroute/core': 170_500,
  '@flyroute/kysely': 17_000,
  '@flyroute/lab': 59_500,
  '@flyroute/mysql2': 21_400,
  '@flyroute/opentelemetry': 12_000,
  '@flyroute/pg': 25_900,
}

/** A line for each entry point of the built packages that is heavier than its ceiling, or has none. */
export function heavyEntryPoints() {
  const packages = publicPackages().map((folder) => ({ folder, ...readManifest(folder) }))
  const drivers = packages.flatMap(({ dependencies, peerDependencies, optionalDependencies }) =>
    Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies }),
  )
  const external = drivers.filter((name) => !packages.some((one) => one.name === name))
  const entries = packages.flatMap(({ folder, name, exports }) => {
    const paths = Object.keys(exports).filter((path) => path !== './package.json')
    const names = paths.map((path) => name + path.slice(1))
    return names.map((entry) => [entry, minified(`export * from '${entry}'`, folder, external)])
  })
  const imports = Object.keys(single).map((what) => {
    const [names, from] = what.split(' of ')
    const { folder } = packages.find(({ name }) => name === from)
    return [what, minified(`export ${names} from '${from}'`, folder, external)]
  })
  return [...tooHeavy('minified', entries, whole), ...tooHeavy('minified', imports, single)]
}

/** A line for each package, given as its name and its tarball's size, that is heavier than its ceiling, or has none. */
export const heavyTarballs = (sizes) => tooHeavy('packed', sizes, packed)

function* tooHeavy(how, sizes, ceilings) {
  for (const [what, size] of sizes) {
    const ceiling = ceilings[what]
    if (ceiling === undefined) yield `${what} has no ceiling in scripts/lib/sizes.mjs; it is ${size} bytes, ${how}`
    else if (size > ceiling) yield `${what} is ${size} bytes, ${how}; ${ceiling} are allowed`
  }
  for (const what of Object.keys(ceilings))
    if (!sizes.some(([name]) => name === what)) yield `${what} has a ceiling in scripts/lib/sizes.mjs, and is not there`
}

function minified(contents, folder, external) {
  const { outputFiles } = buildSync({
    stdin: { contents, resolveDir: folder },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'node',
    external,
  })
  return outputFiles[0].contents.byteLength
}
