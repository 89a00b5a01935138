// Builds the package in the current folder twice, as ES modules and as CommonJS, file by file, with types for both.
// Two emits of the compiler and no bundler: a stack trace points at the file that a reader finds in src/.
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const root = join(import.meta.dirname, '..')
const typescript = createRequire(import.meta.url).resolve('typescript/package.json')
const tsc = join(dirname(typescript), 'bin', 'tsc')

rmSync('dist', { recursive: true, force: true })
for (const [format, options] of [
  ['esm', { module: 'nodenext', moduleResolution: 'nodenext' }],
  ['cjs', { module: 'commonjs', moduleResolution: 'bundler', verbatimModuleSyntax: false }],
]) {
  const out = join('dist', format)
  mkdirSync(out, { recursive: true })
  const config = join('dist', `tsconfig.${format}.json`)
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(root, 'tsconfig.base.json'),
      compilerOptions: { ...options, rootDir: '../src', outDir: `./${format}`, types: ['node'], typeRoots: [join(root, 'node_modules/@types')] },
      include: ['../src'],
    }),
  )
  execFileSync(process.execPath, [tsc, '-p', config], { stdio: 'inherit' })
  rmSync(config)
  writeFileSync(join(out, 'package.json'), `${JSON.stringify({ type: format === 'esm' ? 'module' : 'commonjs' })}\n`)
}
