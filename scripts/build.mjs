// Builds the package in the current folder twice, as ES modules and as CommonJS, file by file, with types for both. No
// bundler: a stack trace names the file and the function that a reader finds in src/.
// What is published is what a program or an editor reads. Comments stand in the types, where an editor shows them, and not
// in the code, which has no more white space than it needs; there are no maps, which would lead to sources that are not in
// the package.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { exportsLast, toCommonjs } from './lib/commonjs.mjs'
import { bin, readManifest, root } from './lib/ground.mjs'
import { small } from './lib/small.mjs'
import { reachableTypes } from './lib/types.mjs'

// A build takes the place of the last one in a single step, at the end: a program that runs from dist/ meanwhile never sees
// half of it.
const fresh = `.dist-${process.pid}`
const old = `${fresh}-old`
const formats = ['esm', 'cjs']
const manifest = readManifest('.')
try {
  const code = { removeComments: true, declaration: false, isolatedDeclarations: false }
  const done = await Promise.all([
    // What is wrong with the sources is said once, by this emit.
    emit('types', { emitDeclarationOnly: true }),
    emit('esm', { ...code, noCheck: true }),
  ])
  if (done.every(Boolean)) {
    writeCode()
    addTypes()
    if (existsSync('dist')) renameSync('dist', old)
    renameSync(fresh, 'dist')
  } else process.exitCode = 1
} finally {
  for (const folder of [fresh, old]) rmSync(folder, { recursive: true, force: true })
}

async function emit(folder, options) {
  const out = join(fresh, folder)
  mkdirSync(out, { recursive: true })
  const config = join(fresh, `tsconfig.${folder}.json`)
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(root, 'tsconfig.base.json'),
      compilerOptions: {
        declarationMap: false,
        sourceMap: false,
        ...options,
        rootDir: '../src',
        outDir: `./${folder}`,
        typeRoots: [join(root, 'node_modules/@types')],
      },
      include: ['../src'],
    }),
  )
  const compiled = await new Promise((resolve, reject) => {
    const child = spawn(bin('tsc'), ['-p', config, '--pretty', 'false'], { stdio: 'inherit' })
    child.once('error', reject)
    child.once('close', (code) => resolve(code === 0))
  })
  rmSync(config)
  return compiled
}

/** Writes what tsc has emitted in both forms. */
function writeCode() {
  const emitted = readdirSync(join(fresh, 'esm'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.js'),
  )
  for (const file of emitted) {
    const code = readFileSync(join(fresh, 'esm', file), 'utf8')
    // Of a file of types nothing is left that could be imported.
    if (code.trim() === 'export {};') {
      rmSync(join(fresh, 'esm', file))
      continue
    }
    write(join(fresh, 'cjs', file), small(toCommonjs(code, file)))
    write(join(fresh, 'esm', file), small(exportsLast(code)))
  }
  for (const format of formats) {
    // A bundler reads `sideEffects` in the nearest package.json, which is this one.
    const own = { type: format === 'cjs' ? 'commonjs' : 'module', sideEffects: manifest.sideEffects }
    write(join(fresh, format, 'package.json'), `${JSON.stringify(own)}\n`)
  }
}

function write(file, text) {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

/**
 * Writes the types that the entry points lead to: once, as CommonJS, which both formats may read; or for each format where they lead to
 * another package, whose types may be others in each.
 */
function addTypes() {
  // What is behind `./adapter` is for the adapters of this repository.
  const isPublic = (entry) => entry !== 'adapter.d.ts'
  const byFormat = formats.map((format) => {
    const entries = entryPoints(format)
    return { format, entries, types: reachableTypes(join(fresh, 'types'), entries, isPublic) }
  })
  rmSync(join(fresh, 'types'), { recursive: true })
  for (const { format, entries, types } of byFormat) {
    const isShared = [...types.values()].every((text) => !/ from '(?!\.|node:)/.test(text))
    for (const [file, text] of types) write(join(fresh, isShared ? 'types' : format, file), text)
    if (!isShared) continue
    for (const entry of entries) {
      const path = relative(dirname(entry), join('../types', entry)).replaceAll('\\', '/')
      write(join(fresh, format, entry), `export * from '${path.replace('.d.ts', '.ts')}';\n`)
    }
    write(join(fresh, 'types/package.json'), '{"type":"commonjs"}\n')
  }
}

/** The types that package.json names, as paths in a format's folder. A package that names none has its index. */
function entryPoints(format) {
  const named = JSON.stringify(manifest.exports ?? {}).matchAll(
    new RegExp(`"\\./dist/${format}/([^"]+\\.d\\.ts)"`, 'g'),
  )
  const found = [...named].map(([, file]) => String(file))
  return found.length > 0 ? found : ['index.d.ts']
}
