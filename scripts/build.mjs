// Builds the package in the current folder twice, as ES modules and as CommonJS, file by file, with types for both.
// Two emits of the compiler and no bundler: a stack trace points at the file that a reader finds in src/.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bin, root } from './lib/ground.mjs'

// A build takes the place of the last one in a single step, at the end: who runs from dist/ meanwhile never sees half of it.
const fresh = `.dist-${process.pid}`
const old = `${fresh}-old`
try {
  const done = await Promise.all([
    emit('esm', { module: 'nodenext', moduleResolution: 'nodenext' }),
    // The same sources: what is wrong with them is said once, by the emit above.
    emit('cjs', { module: 'commonjs', moduleResolution: 'bundler', verbatimModuleSyntax: false, noCheck: true }),
  ])
  if (done.every(Boolean)) {
    if (existsSync('dist')) renameSync('dist', old)
    renameSync(fresh, 'dist')
  } else process.exitCode = 1
} finally {
  for (const folder of [fresh, old]) rmSync(folder, { recursive: true, force: true })
}

async function emit(format, options) {
  const out = join(fresh, format)
  mkdirSync(out, { recursive: true })
  writeFileSync(join(out, 'package.json'), `${JSON.stringify({ type: format === 'esm' ? 'module' : 'commonjs' })}\n`)
  const config = join(fresh, `tsconfig.${format}.json`)
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(root, 'tsconfig.base.json'),
      compilerOptions: {
        ...options,
        rootDir: '../src',
        outDir: `./${format}`,
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
