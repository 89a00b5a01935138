// Builds the package in the current folder twice, as ES modules and as CommonJS, file by file, with types for both. No
// bundler: a stack trace names the file and the function that a reader finds in src/.
// What is published is what a program or an editor reads. Comments stand in the types, where an editor shows them, and not
// in the code; there are no maps, which would lead to sources that are not in the package.
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bin, readManifest, root } from './lib/ground.mjs'

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
    emit('cjs', {
      ...code,
      noCheck: true,
      module: 'commonjs',
      moduleResolution: 'bundler',
      verbatimModuleSyntax: false,
    }),
  ])
  if (done.every(Boolean)) {
    for (const format of formats) addTypes(format)
    rmSync(join(fresh, 'types'), { recursive: true })
    if (existsSync('dist')) renameSync('dist', old)
    renameSync(fresh, 'dist')
  } else process.exitCode = 1
} finally {
  for (const folder of [fresh, old]) rmSync(folder, { recursive: true, force: true })
}

async function emit(folder, options) {
  const out = join(fresh, folder)
  mkdirSync(out, { recursive: true })
  // A bundler reads `sideEffects` in the nearest package.json, which is this one.
  const type = folder === 'cjs' ? 'commonjs' : 'module'
  writeFileSync(join(out, 'package.json'), `${JSON.stringify({ type, sideEffects: manifest.sideEffects })}\n`)
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

/** Copies the types that the entry points lead to. The others describe what cannot be named outside the package. */
function addTypes(format) {
  const types = join(fresh, 'types')
  const waiting = entryPoints(format)
  for (const file of waiting) {
    const text = readFileSync(join(types, file), 'utf8')
    for (const [, path] of text.matchAll(/(?:\bfrom |\bimport\(|\bimport )["'](\.[^"']+)\.[jt]s["']/g)) {
      const found = join(dirname(file), `${path}.d.ts`)
      if (!waiting.includes(found)) waiting.push(found)
    }
    cpSync(join(types, file), join(fresh, format, file))
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
