import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** What takes part in no deployment, or was made by a tool. */
const apart = /^(node_modules|test|dist|build|generated|\..*)$|\.(test|spec)\.ts$/

/**
 * The lines that an app has because of flyroute: every import of it, and each paragraph that begins with `// Glue`, up to
 * its empty line or the end of its block. Comments do not count.
 */
export function glueOf(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !apart.test(name))
    .flatMap((name) => {
      const path = join(folder, name)
      if (statSync(path).isDirectory()) return glueOf(path)
      return /\.(m?[jt]sx?)$/.test(name) ? glueIn(readFileSync(path, 'utf8')) : []
    })
}

function glueIn(source: string): string[] {
  const glue: string[] = []
  let inGlue = false
  for (const line of source.split('\n').map((one) => one.trim())) {
    if (line.startsWith('// Glue')) inGlue = true
    else if (line === '') inGlue = false
    else if ((inGlue && !line.startsWith('//')) || /^import .* from '@flyroute\//.test(line)) glue.push(line)
  }
  return glue
}
